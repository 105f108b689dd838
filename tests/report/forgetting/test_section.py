"""Forgetting in a report: errors on data of the source over those of the source model itself."""

import json
import math

import numpy as np
import pytest
from analyses import analysis_of, record_of

from tlbench.report.analysis import Analysis
from tlbench.report.forgetting.retention import retained
from tlbench.report.forgetting.section import forgetting
from tlbench.results.frame_errors import ModelErrors
from tlbench.results.results import Results
from tlbench.results.retention import source_errors
from tlbench.study.loading import load_suite

ON_SI = {"data": "si"}


def errors_of(job, data):
    sums = {"force_abs": [3.0], "force_square": [3.0]}
    return ModelErrors(job=job * 64, data=data * 64, energy=None, **sums)


MEASURED = [errors_of("a", "d"), errors_of("b", "d")]
"""Source models on their own test set, and target models on the same structures."""


def source_of(value, seed, **changes):
    where = {"target": "Si", "size": 50, "subset_seed": None, "init_seed": seed, "job": "a" * 64}
    return record_of("pretrain", value, **{**where, **changes})


def arm_of(value, seed, strategy="finetune", **changes):
    where = {"subset_seed": seed, "init_seed": seed, "job": "b" * 64, "condition": ON_SI}
    return record_of(strategy, value, **{**where, **changes})


def zero_shot(value, seed, **changes):
    return arm_of(value, seed, "zero-shot", size=0, **{"subset_seed": None, **changes})


def test_a_source_model_has_its_own_test_set_or_a_further_one():
    measured = [*MEASURED, errors_of("c", "e")]
    of_own = [source_of(10.0, 0), source_of(20.0, 1), arm_of(40.0, 0)]
    start = "Si", None, "b"
    assert source_errors(Results(of_own, errors=measured), "force_mae", "si") == {
        start: {(None, 0): 10.0, (None, 1): 20.0}
    }
    # On another set, only numbers that name it count.
    other = [arm_of(40.0, 0, job="c" * 64)]
    assert source_errors(Results([*of_own[:2], *other], errors=measured), "force_mae", "si") == {}
    named = source_of(15.0, 0, condition=ON_SI, job="f" * 64)
    found = source_errors(Results([*of_own[:2], *other, named], errors=measured), "force_mae", "si")
    assert found == {start: {(None, 0): 15.0}}


def test_target_models_start_from_source_models_of_the_largest_budget():
    records = [source_of(5.0, 0, updates=200), source_of(9.0, 0, updates=50), arm_of(40.0, 0)]
    found = source_errors(Results(records, errors=MEASURED), "force_mae", "si")
    assert found == {("Si", None, "b"): {(None, 0): 5.0}}


def test_the_source_model_of_a_published_potential_is_its_arm_that_is_not_trained():
    potential = {"source": "SevenNet-0"}
    records = [
        zero_shot(30.0, 0, **potential), arm_of(60.0, 0, **potential),
        # Of a source that is pretrained, it stands for nothing.
        source_of(10.0, 0), zero_shot(99.0, 0),
    ]  # fmt: skip
    found = source_errors(Results(records, errors=MEASURED), "force_mae", "si")
    assert found["SevenNet-0", None, "b"] == {(None, 0): 30.0}
    assert found["Si", None, "b"] == {(None, 0): 10.0}


def lines_of(analysis):
    (section,) = forgetting(analysis)
    (table,) = section.tables
    return [dict(zip(table.lines[0], line, strict=True)) for line in table.lines[1:]]


def test_forgetting_is_the_error_over_that_of_the_source_model():
    records = [
        *(source_of(value, seed) for seed, value in enumerate((10.0, 20.0))),
        *(arm_of(value, seed) for seed, value in enumerate((40.0, 45.0))),
        *(arm_of(80.0, seed, condition={}) for seed in range(2)),
        *(zero_shot(200.0, seed, condition={}) for seed in range(2)),
        *(arm_of(90.0, seed, "scratch", condition={}) for seed in range(2)),
    ]
    assert lines_of(analysis_of(records, errors=MEASURED)) == [
        {
            "backbone": "b", "arm": "finetune", "N": "10", "force_mae on target": "80.0",
            # Geometric means: of 40 and 45, and of 4 and 2.25.
            "retained_force_mae": f"{math.sqrt(40 * 45):.1f}", "/ source model": "3.00 (2 pairs)",
        },
        {
            "backbone": "b", "arm": "zero-shot", "N": "0", "force_mae on target": "200.0",
            "retained_force_mae": f"{math.sqrt(10 * 20):.1f}", "/ source model": "1",
        },
    ]  # fmt: skip


def test_there_is_no_section_where_nothing_was_trained():
    potential = {"source": "SevenNet-0"}
    untrained = [
        *(zero_shot(30.0, seed, **potential) for seed in range(2)),
        *(zero_shot(200.0, seed, condition={}, **potential) for seed in range(2)),
    ]
    trained = [
        *(arm_of(60.0, seed, **potential) for seed in range(2)),
        *(arm_of(80.0, seed, condition={}, **potential) for seed in range(2)),
    ]
    assert not list(forgetting(analysis_of(untrained, errors=MEASURED)))
    (section,) = forgetting(analysis_of([*untrained, *trained], errors=MEASURED))
    assert "of other elements where the source is a published potential" in section.blocks[0].text


def test_zero_shot_is_shown_once_however_many_sizes_it_is_compared_at():
    records = [
        source_of(10.0, 0), zero_shot(200.0, 0, condition={}),
        *(arm_of(50.0, 0, size=n, condition={}) for n in (1, 10, 40)),
        *(arm_of(30.0, 0, size=n) for n in (1, 10, 40)),
    ]  # fmt: skip
    places = [(each["arm"], each["N"]) for each in lines_of(analysis_of(records, errors=MEASURED))]
    assert sorted(places) == [
        ("finetune", "1"), ("finetune", "10"), ("finetune", "40"), ("zero-shot", "0")
    ]  # fmt: skip


@pytest.mark.parametrize(("n_pairs", "has_interval"), [(4, False), (5, True)])
def test_ratios_have_intervals_from_five_pairs_on(n_pairs, has_interval):
    records = [
        *(source_of(10.0, seed) for seed in range(n_pairs)),
        *(arm_of(20.0 + seed, seed) for seed in range(n_pairs)),
        *(arm_of(80.0, seed, condition={}) for seed in range(n_pairs)),
    ]
    (found,) = retained(analysis_of(records, errors=MEASURED), "force_mae")
    assert (found.ratio.interval is not None) == has_interval
    assert found.ratio.value == pytest.approx(np.exp(np.log(2 + np.arange(n_pairs) / 10).mean()))


def simulated(growth, n_pairs=5):
    """Return records of arms that forget by known factors, and of several sizes."""
    rng = np.random.default_rng(0)
    records = [source_of(20.0 * rng.lognormal(0, 0.1), seed) for seed in range(n_pairs)]
    known = {r.model.init_seed: r.value for r in records}
    for strategy, (first, factor) in growth.items():
        for n, size in enumerate((1, 10, 40)):
            for seed in range(n_pairs):
                error = first * 0.7**n * rng.lognormal(0, 0.08)
                own = known[seed] * factor ** ((n + 1) / 3) * rng.lognormal(0, 0.05)
                records.append(arm_of(error, seed, strategy, size=size, condition={}))
                records.append(arm_of(own, seed, strategy, size=size))
    records += [zero_shot(250.0 * rng.lognormal(0, 0.1), s, condition={}) for s in range(n_pairs)]
    return records


def test_the_figure_has_a_marker_for_each_arm_and_size_and_its_bars():
    records = simulated({"finetune": (120.0, 6.0), "head-only": (180.0, 1.3)})
    (section,) = forgetting(analysis_of(records, errors=MEASURED))
    (figure,) = section.figures
    ((case, draw),) = figure.cases.items()
    assert case == "Si → Ge, kept on si"
    drawn = draw()
    traces = {trace.name: trace for trace in drawn.data}
    assert traces.keys() == {"finetune", "head-only", "zero-shot"}
    assert list(traces["finetune"].text) == ["1", "10", "40"]
    assert list(traces["zero-shot"].text) == ["0"]
    assert list(traces["zero-shot"].y) == [1.0]
    assert traces["finetune"].y[-1] == pytest.approx(6.0, rel=0.1)
    assert all(length > 0 for length in traces["finetune"].error_y.array)
    assert all(length > 0 for length in traces["finetune"].error_x.array)
    # All of the bars are within the axes.
    low, high = (10**end for end in drawn.layout.yaxis.range)
    ends = traces["finetune"].y + np.array(traces["finetune"].error_y.array)
    assert low < 1.0
    assert max(ends) < high


def test_there_is_no_section_where_no_source_model_was_measured():
    records = [arm_of(40.0, 0), arm_of(80.0, 0, condition={})]
    assert list(forgetting(analysis_of(records))) == []
    assert list(forgetting(analysis_of([record_of(), record_of("finetune")]))) == []


@pytest.mark.parametrize(
    ("strategies", "tested_on", "said"),
    [
        (["finetune"], ["mlearn-si"],
         "No arm measures SevenNet-0 on mlearn-si without training, so what models have lost "
         "there is not known; add zero-shot to 'strategies' and run the suite again"),
        (["finetune", "zero-shot"], ["source"],
         "What SevenNet-0 was trained on is not available, so 'tested_on: [source]' does not show"),
        (["finetune", "zero-shot"], ["mlearn-si"], ""),
        (["zero-shot"], ["mlearn-si"], ""),
    ],
)  # fmt: skip
def test_what_is_not_known_is_said_with_how_to_get_it(strategies, tested_on, said):
    suite = load_suite(
        "universal-cpu",
        [("tested_on", json.dumps(tested_on)), ("strategies", json.dumps(strategies))],
        backbones=["sevennet-0"],
    )
    on_target = [arm_of(80.0, 0, source="SevenNet-0", backbone="sevennet-0", condition={})]
    found = list(forgetting(Analysis(Results(on_target), suite, ("force_mae",))))
    sentences = [each for section in found for each in section.sentences]
    assert len(sentences) == bool(said)
    assert all(each.startswith(said) for each in sentences)


def test_what_is_not_trained_may_differ_from_its_source_model():
    """So does germanium that starts as silicon, where the source has both."""
    records = [
        source_of(10.0, 0),
        zero_shot(200.0, 0, condition={}),
        zero_shot(12.0, 0),
        arm_of(80.0, 0, condition={}),
        arm_of(40.0, 0),
    ]
    found = {each["arm"]: each for each in lines_of(analysis_of(records, errors=MEASURED))}
    assert found["zero-shot"]["retained_force_mae"] == "12.0"
    assert found["zero-shot"]["/ source model"].startswith("1.20")
