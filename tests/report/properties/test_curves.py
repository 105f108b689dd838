"""Figures of the curves of properties."""

import pytest

from tlbench.properties.spec import Curve
from tlbench.report.properties.curves import title_of
from tlbench.report.properties.figures import property_curves


def test_marks_are_ticks_of_a_band_structure_with_one_line_per_branch() -> None:
    branches = [
        Curve(
            name="phonon_bands",
            condition={"branch": float(number)},
            x_label="wave vector",
            y_label="frequency (THz)",
            x=[0.0, 0.5, 1.0],
            y=[0.0, number, 2.0 * number],
            marks=[(0.0, "Γ"), (1.0, "X")],
        )
        for number in (1, 2)
    ]
    figure = property_curves(branches, "Si diamond")
    assert [list(trace.y) for trace in figure.data] == [[0, 1, 2], [0, 2, 4]]
    assert list(figure.layout.xaxis.ticktext) == ["Γ", "X"]
    assert figure.layout.yaxis.title.text == "frequency (THz)"
    assert list(figure.layout.xaxis.tickvals) == [0.0, 1.0]
    assert figure.layout.xaxis.showgrid is not False
    assert len({trace.line.color for trace in figure.data}) == 1
    assert not any(trace.showlegend for trace in figure.data)


def test_curves_of_several_pairs_have_colours_and_a_legend_and_a_single_one_has_none() -> None:
    pairs = [
        Curve(
            name="dimer", condition={"pair": pair}, x_label="distance (Å)", y_label="energy (eV)",
            x=[1.0, 2.0], y=[0.0, -1.0],
        )
        for pair in ("Al-Al", "Al-Ni")
    ]  # fmt: skip
    both = property_curves(pairs, "Al–Ni").data
    assert [trace.name for trace in both if trace.showlegend] == ["Al-Al", "Al-Ni"]
    assert len({trace.line.color for trace in both}) == 2
    assert not property_curves(pairs[:1], "Al").data[0].showlegend


def test_titles_are_words() -> None:
    assert title_of("phonon_bands") == "Phonon bands"
    assert title_of("some_other") == "Some other"


@pytest.mark.parametrize(("depth", "shown"), [(-2.0, (-2.2, 4.0)), (0.5, None)])
def test_the_wall_of_a_dimer_does_not_hide_its_well(depth: float, shown: object) -> None:
    curve = Curve(
        name="dimer", condition={"pair": "Si-Si"}, x_label="distance (Å)", y_label="energy (eV)",
        x=[0.5, 2.0, 4.0], y=[3000.0, depth, 1.0],
    )  # fmt: skip
    figure = property_curves([curve], "Si")
    found = figure.layout.yaxis.range
    assert found == shown if shown is None else found == pytest.approx(shown)
