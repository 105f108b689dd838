"""Figures of all models' curves over the reference, and of errors against force errors."""

import pytest
from made_up_properties import analysis, elastic

from tlbench.properties.spec import Curve
from tlbench.report.properties.curves import curves_of_arms
from tlbench.report.properties.figures import curves_of_arms as drawn
from tlbench.report.properties.figures import points
from tlbench.report.properties.following import following
from tlbench.report.properties.values import shown_values
from tlbench.results.properties import PropertyCurves

ARMS = ["scratch", "finetune", "zero-shot"]


def curve(y, name="dimer", **condition):
    return Curve(
        name=name, condition=condition, x_label="x", y_label="y",
        x=[float(n) for n in range(len(y))], y=y, marks=[(0.0, "Γ"), (1.0, "X")],
    )  # fmt: skip


def of(model, *curves):
    return PropertyCurves(property="elastic", target="Ge", model=model, curves=list(curves))


def models(n_pairs=2):
    places = [(arm, n) for n in (1, 10) for arm in ("scratch", "finetune")] + [("zero-shot", 0)]
    return [elastic(1.0, arm, seed, n).model for arm, n in places for seed in range(n_pairs)]


def cases(curves, name, subjects):
    return curves_of_arms(curves, name, [(each.transfer, each.place) for each in subjects])


def of_panel(figure, number):
    axis = "x" if number == 1 else f"x{number}"
    return [trace.name for trace in figure.data if trace.xaxis == axis]


def test_pair_curves_of_all_arms_share_a_panel_for_each_number_of_structures():
    some = models()
    wall = [3000.0, -2.0, 0.0]
    found = cases([of(None, curve(wall)), *(of(m, curve([8.0, -1.0, 0.0])) for m in some)],
                  "dimer", some)  # fmt: skip
    assert list(found) == [""]
    figure = drawn(found[""], ARMS)
    assert [each.text for each in figure.layout.annotations[:2]] == ["b, N = 1", "b, N = 10"]
    for panel in (1, 2):
        assert of_panel(figure, panel) == [*2 * ["scratch"], *2 * ["finetune"], *2 * ["zero-shot"],
                                           "reference"]  # fmt: skip
    reference = next(trace for trace in figure.data if trace.name == "reference")
    assert reference.line.color == "black"
    colours = {t.name: t.line.color for t in figure.data}
    assert len(set(colours.values())) == 4
    # The well is 2 deep: so high that the wall is seen, and not so high that the well is not.
    low, high = figure.layout.yaxis.range
    assert low < -2
    assert 2 <= high <= 10
    assert len([trace for trace in figure.data if trace.showlegend]) == 4


def test_bands_of_each_arm_have_a_panel_and_each_number_of_structures_is_a_choice():
    some = models()
    branches = [curve([0.0, 1.0 * n], "bands", branch=float(n)) for n in (1, 2)]
    found = cases([of(None, *branches), *(of(m, *branches) for m in some)], "bands", some)
    assert list(found) == ["N = 1", "N = 10"]
    figure = drawn(found["N = 10"], ARMS)
    assert [of_panel(figure, n) for n in (1, 2, 3)] == [[*2 * [arm], "reference"] for arm in ARMS]
    # Branches are one line with a gap.
    assert list(figure.data[0].y) == [0.0, 1.0, None, 0.0, 2.0]
    assert list(figure.layout.xaxis.ticktext) == ["Γ", "X"]


def test_panels_say_of_how_many_models_curves_are_missing():
    some = models()
    found = cases([of(m, curve([1.0, 2.0])) for m in some[1:]], "dimer", some)
    titles = [each.text for each in drawn(found[""], ARMS).layout.annotations[:2]]
    assert "scratch 1/2" in titles[0]
    assert titles[1] == "b, N = 10"


def test_pairs_of_elements_are_choices():
    some = models()
    curves = [curve([1.0, 2.0], pair=pair) for pair in ("Al-Al", "Al-Ni")]
    assert list(cases([of(m, *curves) for m in some], "dimer", some)) == ["Al-Al", "Al-Ni"]


def test_curves_far_from_the_reference_do_not_hide_it():
    some = models(1)[:1]
    found = cases([of(None, curve([0.0, 10.0], "eos")), of(some[0], curve([0.0, 1e6], "eos"))],
                  "eos", some)  # fmt: skip
    assert drawn(found[""], ARMS).layout.yaxis.range[1] == pytest.approx(15, abs=1)


def test_every_model_whose_value_is_known_and_wrong_is_a_point():
    found = [elastic(140.0 - error, seed=n) for n, error in enumerate((0.0, 5.0, 20.0, 9.0))]
    found.append(elastic(None, seed=4))
    made = following(
        analysis(found, [10.0, 20.0, 30.0, 40.0, 50.0]), shown_values("elastic", found)
    )
    (trace,) = points(made, ["scratch"]).data
    assert (list(trace.x), list(trace.y)) == ([20.0, 30.0, 40.0], [5.0, 20.0, 9.0])
