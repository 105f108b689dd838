"""Stability against the threshold, from extremes of which the truth is known."""

import pytest
from made_up_dynamics import detail, model, of, rows
from pydantic import ValidationError

from tlbench.jobs.extremes import Extremes
from tlbench.jobs.simulate import Survival
from tlbench.metrics.statistics import wilson_interval
from tlbench.report.dynamics.figures import threshold_curves
from tlbench.report.dynamics.models import arms_of
from tlbench.report.dynamics.section import dynamics_section
from tlbench.report.dynamics.thresholds import (
    SCALES,
    share_curve,
    telling_scales,
    times_within,
    within,
)

TIMES = [2.5, 5.0, 7.5, 10.0]
SCALE = {scale.field: scale for scale in SCALES}
QUIET = {
    "temperature": 1.2, "closest_pair": 0.9, "force": 5.0, "energy": 0.0, "structure": 0.05
}  # fmt: skip


def extremes(**series):
    """Return extremes of replicas that are quiet but for ``series`` of a quantity."""
    lengths = [len(values) for values in next(iter(series.values()))]
    quiet = {name: [[value] * n for n in lengths] for name, value in QUIET.items()}
    return Extremes(**{"times_ps": TIMES, **quiet, **series})


# One replica was stopped after 5 ps, one is good, one bad from 5 ps on.
STRUCTURE = [[0.05, 0.05], [0.05, 0.05, 0.05, 0.05], [0.08, 0.25, 0.25, 0.4]]


def run(strategy="scratch", seed=0, structure=STRUCTURE, **series):
    found = extremes(structure=structure, **series)
    made = model(strategy, seed, failed=[6.0], stable=2)
    return made.model_copy(update={"extremes": found})


def test_shares_and_times_follow_from_one_run():
    found, scale = extremes(structure=STRUCTURE), SCALE["structure"]
    thresholds = (0.01, 0.1, 0.3, 0.5)
    assert [within(found, scale, at) for at in thresholds] == [0, 1, 1, 2]
    assert times_within(found, scale, 0.01) == [0, 0, 0]
    assert times_within(found, scale, 0.1) == [5, 10, 2.5]
    assert times_within(found, scale, 0.3) == [5, 10, 7.5]
    assert times_within(found, scale, 0.5) == [5, 10, 10]


def test_the_closest_pair_should_stay_above_its_threshold():
    found = extremes(closest_pair=[[0.9, 0.75, 0.75, 0.65], [0.9, 0.9, 0.9, 0.9]])
    scale = SCALE["closest_pair"]
    assert [within(found, scale, at) for at in scale.thresholds] == [1, 1, 2, 2]
    assert times_within(found, scale, 0.7) == [7.5, 10]


def test_a_model_that_passes_the_usual_test_fails_a_stricter_one():
    """Ten replicas of each that no criterion stopped; of one, structure strays."""
    right = [[0.05] * 4] * 10
    strays = [[0.05, 0.1, 0.2, 0.35]] * 10
    runs = [
        model(strategy, seed, stable=10).model_copy(update={"extremes": extremes(structure=found)})
        for strategy, found in (("scratch", strays), ("finetune", right))
        for seed in range(5)
    ]
    section = dynamics_section(of(*runs), [])
    scratch, finetune = rows(detail(section, "RDF error of a window"))
    high = wilson_interval(0, 5)[1]
    assert scratch["≤ 0.1"] == f"0.00 [0.00, {high:.2f}], 5 ps"
    assert scratch["≤ 0.3"] == f"0.00 [0.00, {high:.2f}], 7.5 ps"
    assert scratch["≤ 0.5"] == f"1.00 [{1 - high:.2f}, 1.00], 10 ps"
    assert finetune["≤ 0.1"] == f"1.00 [{1 - high:.2f}, 1.00], 10 ps"
    assert scratch["RDF error"] == "0.100"
    # By the usual criterion nothing tells them apart.
    usual = {row["stability rate"] for row in rows(section.tables[0])[:2]}
    assert len(usual) == 1


def test_models_are_clusters():
    """Two models whose replicas are alike are two observations, not six."""
    good, bad = [[0.05] * 4] * 3, [[0.4] * 4] * 3
    runs = [
        model("scratch", s, stable=3).model_copy(update={"extremes": extremes(structure=found)})
        for s, found in enumerate((good, bad))
    ]
    (scratch,) = rows(detail(dynamics_section(of(*runs), []), "RDF error of a window"))
    low, high = wilson_interval(0.5, 2)
    assert scratch["≤ 0.2"] == f"0.50 [{low:.2f}, {high:.2f}], 5 ps"


def test_the_reference_is_measured_by_the_same_thresholds():
    own = extremes(structure=[[0.02] * 4, [0.15] * 4])
    section = dynamics_section(of(run(), extremes=own, replicas=2, false_alarms=0), [])
    last = rows(detail(section, "RDF error of a window"))[-1]
    assert last["backbone"] == "reference"
    assert (last["≤ 0.1"], last["≤ 0.2"]) == ("0.50, 5 ps", "1.00, 10 ps")


def test_scales_on_which_nothing_happens_have_no_table_and_old_runs_have_none():
    arms = arms_of(of(run()), [])
    # The replica that was stopped is beyond every threshold.
    assert telling_scales(arms) == list(SCALES)
    quiet = model("scratch").model_copy(update={"extremes": extremes(structure=[[0.05] * 4] * 4)})
    assert telling_scales(arms_of(of(quiet), [])) == []
    assert telling_scales(arms_of(of(model("scratch")), [])) == []
    titles = [table.title for table in dynamics_section(of(model("scratch")), []).tables]
    assert not any("threshold" in title for title in titles)


def test_arms_without_extremes_beside_arms_with_them():
    section = dynamics_section(of(run(), model("finetune")), [])
    finetune = rows(detail(section, "RDF error of a window"))[1]
    assert {finetune[SCALE["structure"].text(at)] for at in SCALE["structure"].thresholds} == {"–"}


def test_curves_fall_with_the_threshold():
    arms = arms_of(of(run()), [])
    (arm,) = arms.values()
    x, y = share_curve(list(arm.values()), SCALE["structure"])
    assert x == [0.05, 0.1, 0.4, 1.0]
    assert y == pytest.approx([1 / 3, 1 / 3, 2 / 3, 2 / 3])
    x, y = share_curve(list(arm.values()), SCALE["closest_pair"])
    assert x == sorted(x, reverse=True)
    assert y == sorted(y)
    figure = threshold_curves(arms, ["scratch"], SCALE["closest_pair"])
    assert tuple(figure.layout.xaxis.range) == (0.8, 0.5)
    assert [t.name for t in figure.data if t.showlegend] == ["scratch"]
    names = [f.name for f in dynamics_section(of(run()), []).figures]
    assert "threshold-structure" in names


IMPOSSIBLE = {
    "better again": ({"structure": [[0.1, 0.05]]}, "cannot become better"),
    "closer pairs that part": ({"closest_pair": [[0.8, 0.9]]}, "cannot become better"),
    "other lengths": ({"structure": [[0.1, 0.1]], "force": [[1.0]]}, "force: there should be as"),
    "too many": ({"structure": [[0.1] * 5]}, "more values than times"),
}


@pytest.mark.parametrize(("series", "problem"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_impossible_extremes_are_refused(series, problem):
    with pytest.raises(ValidationError, match=problem):
        extremes(**series)


def test_extremes_are_of_the_replicas():
    fields = {"survival_ps": [10.0, 6.0], "criterion": ["", "force"]}
    Survival(**fields, extremes=extremes(structure=[[0.1] * 4, [0.1] * 2]))
    with pytest.raises(ValidationError, match="extremes of each replica"):
        Survival(**fields, extremes=extremes(structure=[[0.1] * 4]))
    with pytest.raises(ValidationError, match="a stable replica should have extremes up to the"):
        Survival(**fields, extremes=extremes(structure=[[0.1] * 2, [0.1] * 2]))
