"""Recommendations on simulated studies, whose true ratios are known."""

import math

import numpy as np
import pytest
from analyses import record_of
from scipy.stats import binom

from tlbench.advice.answer import Answer, answer_of, compared
from tlbench.advice.section import advice_section
from tlbench.metrics.statistics.ratio import ratio_of
from tlbench.report.analysis import Analysis
from tlbench.report.rows import Row
from tlbench.results.results import Results
from tlbench.study.loading import load_suite
from tlbench.study.model_key import Place, Transfer

SIZE, UPDATES, PAIRS = 40, 400, 5


def row(values, name="scratch", size=SIZE):
    """Return an arm with an error of each pair."""
    table = {(n, n): float(value) for n, value in enumerate(values)}
    place = Place("b", "scratch" if name == "scratch" else "finetune", size, updates=UPDATES)
    transfer, mean = Transfer(name, None, "Ge"), ratio_of(map(math.log, table.values()))
    return Row("force_mae", (), transfer, place, True, table, mean)


def study(rng, ratios, pairs=PAIRS, scatter=0.1):
    """Return scratch, and an arm for each true ratio; pairs have a spread that arms share."""
    shared = rng.normal(0, 0.2, pairs)
    errors = [
        100 * ratio * np.exp(shared + rng.normal(0, scatter, pairs)) for ratio in (1, *ratios)
    ]
    return row(errors[0]), {f"s{n}": row(each, f"s{n}") for n, each in enumerate(errors[1:])}


def test_arms_that_do_not_differ_are_recommended_at_most_once_in_twenty_studies():
    rng, studies = np.random.default_rng(0), 1000
    claims = 0
    for _ in range(studies):
        scratch, starts = study(rng, [1.0, 1.0, 1.0])
        claims += any(each.side == "lower" for each in compared(starts, scratch))
    # With a rate of 5 % there would be no more, but with a probability of 1 in 1000.
    assert claims <= binom.ppf(0.999, studies, 0.05)
    # Only one side is recommended, so that half of the level remains.
    assert claims <= binom.ppf(0.999, studies, 0.025)


@pytest.mark.parametrize("others", [[], [1.0, 1.0], [0.7, 0.7]])
def test_the_stated_interval_of_a_recommended_start_covers_its_true_ratio(others):
    rng, recommended, covered = np.random.default_rng(1), 0, 0
    for _ in range(2000):
        scratch, starts = study(rng, [0.7, *others])
        best = compared(starts, scratch)[0]
        if best.side == "lower" and best.name == "s0":
            recommended += 1
            covered += best.ratio.interval.low <= 0.7 <= best.ratio.interval.high
    assert recommended > 400
    assert 0.92 <= covered / recommended <= 0.98


def test_a_real_gain_is_found_and_a_loss_is_not_recommended():
    scratch, starts = study(np.random.default_rng(2), [0.6, 1.5], scatter=0.02)
    better, worse = compared(starts, scratch)
    assert (better.name, better.side) == ("s0", "lower")
    assert (worse.name, worse.side) == ("s1", "higher")


def test_a_gain_of_less_than_three_per_cent_is_not_claimed():
    scratch, starts = study(np.random.default_rng(3), [0.98], scatter=0.001)
    assert compared(starts, scratch)[0].ratio.interval.high < 1
    assert compared(starts, scratch)[0].side == "same"


def test_four_pairs_are_too_few_for_a_claim():
    scratch, starts = study(np.random.default_rng(4), [0.5], pairs=4, scatter=0.01)
    assert compared(starts, scratch)[0].side == "too few pairs"


def curves(exponent, sizes=(20, 40), scatter=0.02, seed=5):
    """Return errors that fall as a power of the number of structures."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(0, 0.2, PAIRS)
    return {
        size: row(
            1000 * size**-exponent * np.exp(shared + rng.normal(0, scatter, PAIRS)), size=size
        )
        for size in sizes
    }


@pytest.mark.parametrize("sizes", [(20, 40), (10, 40), (30, 40)])
def test_a_doubling_follows_the_power_law_of_the_two_largest_sizes(sizes):
    curve = curves(0.5, sizes, scatter=1e-6)
    answer = Answer(curve, {}, {})
    assert answer.doubling(curve).value == pytest.approx(2**-0.5, rel=1e-4)


def test_the_interval_of_a_doubling_covers_its_true_factor():
    covered = 0
    for seed in range(500):
        curve = curves(0.4, seed=seed)
        interval = Answer(curve, {}, {}).doubling(curve).interval
        covered += interval.low <= 2**-0.4 <= interval.high
    assert 0.92 <= covered / 500 <= 0.98


def test_nothing_is_extrapolated_from_one_size():
    curve = curves(0.4, (40,))
    assert Answer(curve, {}, {}).doubling(curve) is None


def test_starts_that_are_not_shown_to_be_worse_than_the_best_are_named():
    scratch, starts = study(np.random.default_rng(6), [0.60, 0.61, 0.9], scatter=0.03)
    answer = Answer({SIZE: scratch}, {n: {SIZE: each} for n, each in starts.items()}, {})
    best = answer.recommended
    assert best is not None
    assert [start.name for start, _ in answer.rivals(best)] == [
        name for name in ("s0", "s1") if name != best.name
    ]


def analysis(values, sizes=(20, 40)):
    """Return an analysis of scratch and SevenNet-0 and Si, their errors by name, size and pair."""
    suite = load_suite(
        "universal-cpu", [("sizes", str([*sizes])), ("budgets", "[100, 400]")],
        backbones=["sevennet-0", "dimenetpp"],
    )  # fmt: skip
    records = []
    for name, (source, backbone, strategy) in {
        "scratch": ("Si", "dimenetpp", "scratch"),
        "Si": ("Si", "dimenetpp", "finetune"),
        "SevenNet-0": ("SevenNet-0", "sevennet-0", "finetune"),
    }.items():
        for size in sizes:
            for updates in (100, 400):
                for seed in range(PAIRS):
                    value = values[name] * size**-0.3 * (1 + 0.01 * seed * len(name) / 5)
                    value *= 1.5 if updates == 100 else 1.0
                    records.append(
                        record_of(
                            strategy, value, source=source, backbone=backbone, size=size,
                            subset_seed=seed, init_seed=seed, updates=updates,
                            job=f"{name}{size}{updates}{seed}",
                        )
                    )  # fmt: skip
    return Analysis(Results(records), suite, ("force_mae",))


def said(values, **more):
    section = advice_section(answer_of(analysis(values, **more), "dimenetpp"))
    return section, " ".join(section.sentences)


def test_the_first_sentence_is_the_recommendation():
    section, text = said({"scratch": 200.0, "Si": 150.0, "SevenNet-0": 90.0})
    first = section.sentences[0]
    assert first.startswith("Start from SevenNet-0: with 40 structures and 400 updates")
    assert "0.4" in first
    assert "dimenetpp trained from scratch" in first
    assert "5 pairs" in first
    assert "Lower than from scratch, too: Si (0.7" in text
    assert "40 structures more would change the error of a start from SevenNet-0" in text
    # Both still fell to two thirds from 100 to 400 updates.
    assert "from 100 to 400 updates errors still changed by factors of 0.67" in text
    header, *lines = section.tables[0].lines
    assert header == ["start", "backbone", "N", "force MAE (meV/Å)", "/ scratch"]
    assert [line[0] for line in lines] == ["scratch", "SevenNet-0", "Si"] * 2
    assert [line[2] for line in lines] == ["40"] * 3 + ["20"] * 3
    assert all(sum(map(len, line)) + 8 <= 80 for line in lines)


def test_without_a_gain_nothing_is_recommended_and_harm_is_stated():
    _, text = said({"scratch": 200.0, "Si": 300.0, "SevenNet-0": 200.0})
    assert text.startswith("No start is recommended: with 40 structures and 400 updates")
    assert "Cannot be distinguished from training from scratch: SevenNet-0 (1.0" in text
    assert "Do not start from Si (1.4" in text
    assert "Start from" not in text.replace("Do not start from", "")


def test_without_models_from_scratch_there_is_no_answer():
    found = analysis({"scratch": 200.0, "Si": 300.0, "SevenNet-0": 200.0})
    records = [r for r in found.results.records if r.model.strategy != "scratch"]
    without = Analysis(Results(records), found.suite, found.every_metric)
    assert answer_of(without, "dimenetpp") is None
    assert "Nothing can be recommended" in advice_section(None).sentences[0]
