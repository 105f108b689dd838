"""Pairs that are compared, ratios of errors at one size or over a curve, and what they show."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlbench.metrics.statistics import (
    FIXED,
    Interval,
    Ratio,
    area_ratio,
    geometric_mean,
    negative_transfer,
    paired_ratio,
    verdict,
)
from tlbench.metrics.statistics.ratio import log_ratios, ratio_of

errors = st.floats(1e-3, 1e3)


def test_geometric_mean_by_hand():
    assert geometric_mean([2.0, 8.0]) == pytest.approx(4)
    assert geometric_mean([1.0, 10.0, 100.0]) == pytest.approx(10)
    assert geometric_mean([7.0]) == pytest.approx(7)


@given(st.lists(errors, min_size=1, max_size=8), errors)
def test_geometric_mean_scales_and_lies_between(values, factor):
    mean = geometric_mean(values)
    assert min(values) * (1 - 1e-9) <= mean <= max(values) * (1 + 1e-9)
    assert geometric_mean([factor * v for v in values]) == pytest.approx(factor * mean)


def test_ratios_are_taken_within_pairs_and_in_order():
    arm = {(10, 0): 10.0, (2, 1): 40.0, (2, 0): 30.0, (0, 7): 1e6}
    baseline = {(2, 0): 10.0, (2, 1): 20.0, (10, 0): 20.0, (0, 8): 1e-6}
    found = log_ratios(arm, baseline)
    assert list(found) == [(2, 0), (2, 1), (10, 0)]
    assert list(found.values()) == pytest.approx([math.log(3), math.log(2), math.log(0.5)])


def test_a_model_without_subset_is_one_unit_that_counts_as_much_as_any_other():
    zero_shot = {(None, 0): 4.0, (None, 1): 9.0}
    baseline = {(0, 0): 1.0, (1, 0): 16.0, (2, 0): 4.0, (0, 1): 3.0}
    expected = {(None, 0): pytest.approx(0), (None, 1): pytest.approx(math.log(3))}
    assert log_ratios(zero_shot, baseline) == expected
    assert log_ratios(baseline, zero_shot) == {
        (None, 0): pytest.approx(0),
        (None, 1): pytest.approx(-math.log(3)),
    }


def test_two_arms_without_subsets_are_matched_by_init_seed():
    found = log_ratios({(None, 0): 6.0, (None, 1): 1.0}, {(None, 0): 2.0, (None, 2): 1.0})
    assert found == {(None, 0): pytest.approx(math.log(3))}


@pytest.mark.parametrize("error", [0.0, -1.0, math.nan])
def test_what_has_no_logarithm_is_refused(error):
    with pytest.raises(ValueError, match=str(error)):
        log_ratios({(0, 0): error}, {(0, 0): 1.0})
    with pytest.raises(ValueError, match=str(error)):
        log_ratios({(0, 0): 1.0}, {(0, 0): error})


tables = st.dictionaries(st.tuples(st.integers(0, 3), st.integers(0, 3)), errors, min_size=1)


def test_ratios_are_taken_within_pairs():
    arm = {(0, 0): 10.0, (1, 0): 40.0}
    baseline = {(1, 0): 20.0, (0, 0): 20.0}
    # 0.5 and 2.
    assert paired_ratio(arm, baseline) == Ratio(pytest.approx(1.0), 2)


def test_only_shared_pairs_count():
    arm = {(0, 0): 30.0, (1, 0): 1.0, (0, 5): 1e6}
    baseline = {(0, 0): 60.0, (2, 0): 1e-6, (0, 1): 1e-6}
    assert paired_ratio(arm, baseline) == Ratio(pytest.approx(0.5), 1)


def test_an_arm_without_subsets_is_compared_with_every_subset_of_its_init_seed():
    zero_shot = {(None, 0): 100.0, (None, 1): 300.0}
    baseline = {(0, 0): 50.0, (1, 0): 200.0, (0, 1): 100.0, (1, 1): 75.0, (0, 9): 1e9}
    # Ratios 2, 1/2, 3 and 4, of two independent models.
    found = paired_ratio(zero_shot, baseline)
    assert found == Ratio(pytest.approx(12 ** (1 / 4)), 2)


def test_five_subsets_of_one_model_are_not_five_pairs():
    zero_shot = {(None, 0): 8.0}
    baseline = {(subset, 0): 4.0 for subset in range(5)}
    assert paired_ratio(zero_shot, baseline) == Ratio(pytest.approx(2), 1, interval=None)


@pytest.mark.parametrize(
    ("arm", "baseline"),
    [
        ({}, {}),
        ({(0, 0): 1.0}, {}),
        ({(0, 0): 1.0}, {(0, 1): 1.0}),
        ({(None, 1): 1.0}, {(0, 0): 1.0}),
    ],
    ids=["nothing", "no baseline", "other seeds", "other init seed"],
)
def test_without_a_shared_pair_there_is_no_ratio(arm, baseline):
    assert paired_ratio(arm, baseline) is None


@given(tables)
def test_identical_ratios_have_a_point_for_an_interval(values):
    tripled = {pair: 3 * value for pair, value in values.items()}
    for arm, baseline, expected in ((values, values, 1), (tripled, values, 3)):
        found = paired_ratio(arm, baseline)
        assert (found.value, found.n_pairs) == (pytest.approx(expected), len(values))
        if len(values) < 3:
            assert found.interval is None
        else:
            assert found.p == (1 if expected == 1 else 0)
            assert found.interval == Interval(pytest.approx(expected), pytest.approx(expected))


@given(tables, tables)
def test_exchange_inverts_and_order_does_not_matter(arm, baseline):
    found = paired_ratio(arm, baseline)
    backwards = [dict(reversed(table.items())) for table in (arm, baseline)]
    assert paired_ratio(*backwards) == found
    exchanged = paired_ratio(baseline, arm)
    if found is None:
        assert exchanged is None
        return
    assert exchanged.value == pytest.approx(1 / found.value)
    if found.interval:
        assert exchanged.interval.low == pytest.approx(1 / found.interval.high)
        assert exchanged.interval.high == pytest.approx(1 / found.interval.low)
        assert exchanged.p == pytest.approx(found.p)


PAIRS = [(subset, init) for subset in range(3) for init in range(2)]
RATIOS = [0.5, 0.9, 0.7, 1.1, 0.6, 0.8]
ARM = {pair: 20 * ratio for pair, ratio in zip(PAIRS, RATIOS, strict=True)}
BASELINE = dict.fromkeys(PAIRS, 20.0)


def test_the_interval_is_students_of_the_mean_log_ratio():
    found = paired_ratio(ARM, BASELINE)
    logs = np.log(RATIOS)
    # t(0.975, 5) = 2.570582.
    reach = 2.570582 * logs.std(ddof=1) / math.sqrt(6)
    assert found.interval.low == pytest.approx(math.exp(logs.mean() - reach), rel=1e-6)
    assert found.interval.high == pytest.approx(math.exp(logs.mean() + reach), rel=1e-6)


def test_three_pairs_by_hand():
    # Logs -2, -1, 0: mean -1, error 1/√3, t = -√3 with 2 degrees of freedom, of which Student's
    # distribution is F(t) = 1/2 + t/(2 √(2 + t²)).
    arm = {(seed, 0): math.exp(seed - 2) for seed in range(3)}
    found = paired_ratio(arm, dict.fromkeys(arm, 1.0))
    assert found.p == pytest.approx(1 - math.sqrt(3 / 5))
    assert found.interval.low == pytest.approx(math.exp(-1 - 4.302653 / math.sqrt(3)), rel=1e-6)


def test_the_interval_needs_three_pairs():
    two, three = (dict(list(ARM.items())[:n]) for n in (2, 3))
    found = paired_ratio(two, BASELINE)
    assert (found.interval, found.p) == (None, None)
    assert paired_ratio(three, BASELINE).interval is not None


def test_sizes_may_differ_between_the_arms():
    # 10 structures with transfer against 50 from scratch, subset by subset.
    transferred = {(subset, 0): 60.0 + subset for subset in range(3)}
    scratch = {(subset, 0): 2 * (60.0 + subset) for subset in range(4)}
    found = paired_ratio(transferred, scratch)
    assert (found.value, found.n_pairs) == (pytest.approx(0.5), 3)


def test_five_models_without_subsets_have_the_interval_of_five_pairs():
    zero_shot = {(None, init): 1.0 + init for init in range(5)}
    baseline = {(subset, init): 2.0 for subset in range(4) for init in range(5)}
    alone = {(0, init): 2.0 for init in range(5)}
    found = paired_ratio(zero_shot, baseline)
    assert found.n_pairs == 5
    assert found.interval == paired_ratio(zero_shot, alone).interval


SUBSETS = [(subset, 0) for subset in range(6)]


def curve(errors_by_size, pairs=SUBSETS):
    return {size: dict.fromkeys(pairs, error) for size, error in errors_by_size.items()}


@given(st.floats(0.01, 100), st.sets(st.integers(1, 1000), min_size=2, max_size=6))
def test_a_constant_ratio_is_its_own_mean(ratio, sizes):
    baseline = {size: {pair: 1 / size + pair[0] for pair in SUBSETS} for size in sizes}
    arm = {n: {pair: ratio * error for pair, error in baseline[n].items()} for n in sizes}
    found = area_ratio(arm, baseline)
    assert found.value == pytest.approx(ratio)
    assert found.interval.low == pytest.approx(ratio)
    assert found.interval.high == pytest.approx(ratio)


def test_trapezoids_over_log_size():
    # Log ratios (base 2) 0, 3, 1 at 1, 10 and 1000: (1·1.5 + 2·2)/3 = 11/6 over three decades.
    arm = curve({1: 1.0, 10: 8.0, 1000: 2.0})
    baseline = curve({1000: 1.0, 10: 1.0, 1: 1.0})
    assert area_ratio(arm, baseline).value == pytest.approx(2 ** (11 / 6))


def test_each_pair_has_an_area_of_its_own():
    factors = [0.5, 0.9, 0.7, 1.1, 0.6, 0.8]
    baseline = {size: dict.fromkeys(SUBSETS, 50 / size) for size in (1, 10, 100)}
    # The ratios of a pair differ between sizes, but their weighted log mean is its factor.
    tilt = {1: 2.0, 10: 1.0, 100: 0.5}
    arm = {
        size: {
            pair: factor * tilt[size] * 50 / size
            for pair, factor in zip(SUBSETS, factors, strict=True)
        }
        for size in (1, 10, 100)
    }
    flat = paired_ratio(dict(zip(SUBSETS, factors, strict=True)), dict.fromkeys(SUBSETS, 1.0))
    found = area_ratio(arm, baseline)
    assert (found.value, found.n_pairs) == (pytest.approx(flat.value), 6)
    assert found.interval.low == pytest.approx(flat.interval.low)
    assert found.interval.high == pytest.approx(flat.interval.high)


def test_only_common_sizes_and_complete_pairs_count():
    arm = curve({0: 1e6, 1: 3.0, 10: 3.0, 500: 1e6})
    baseline = curve({0: 1.0, 1: 1.0, 10: 1.0, 100: 1e-6})
    del arm[1][SUBSETS[0]], baseline[10][SUBSETS[1]]
    arm[10][SUBSETS[0]] = baseline[1][SUBSETS[1]] = 1e9
    found = area_ratio(arm, baseline)
    assert (found.value, found.n_pairs) == (pytest.approx(3), 4)
    assert found.interval.high == pytest.approx(3)


def test_exchange_inverts():
    baseline = {size: {pair: 1 + pair[0] / size for pair in SUBSETS} for size in (1, 4, 9)}
    arm = curve({1: 1.0, 4: 0.9, 9: 0.4})
    there, back = area_ratio(arm, baseline), area_ratio(baseline, arm)
    assert back.value == pytest.approx(1 / there.value)
    assert back.interval.low == pytest.approx(1 / there.interval.high)


@pytest.mark.parametrize(
    ("arm", "baseline"),
    [
        ({}, {}),
        (curve({1: 1.0, 10: 1.0}), curve({10: 1.0, 100: 1.0})),
        (curve({0: 1.0, 10: 1.0}), curve({0: 1.0, 10: 1.0})),
        (curve({1: 1.0, 10: 1.0}, [(0, 0)]), curve({1: 1.0, 10: 1.0}, [(1, 0)])),
    ],
    ids=["nothing", "one common size", "zero has no logarithm", "no common pair"],
)
def test_without_a_range_or_a_pair_there_is_no_area(arm, baseline):
    assert area_ratio(arm, baseline) is None


def test_the_value_is_the_geometric_mean_over_the_range():
    # A ratio that falls as a power of N: its log mean is that at the middle of the log range.
    sizes = (1, 3, 20, 100)
    found = area_ratio(curve({n: n**-0.5 for n in sizes}), curve(dict.fromkeys(sizes, 1.0)))
    assert found.value == pytest.approx(math.sqrt(1 / 10))


@pytest.mark.parametrize(
    ("ratio", "said", "flag"),
    [
        (Ratio(0.5, 8, Interval(0.4, 0.9)), "gain", ""),
        (Ratio(2.0, 8, Interval(1.1, 3.0)), "loss", "significant"),
        (Ratio(0.9, 8, Interval(0.7, 1.2)), "undecided", ""),
        (Ratio(1.1, 8, Interval(0.9, 1.2)), "undecided", "seen"),
        (Ratio(0.9, 8, Interval(0.8, 1.0)), "undecided", ""),
        (Ratio(1.1, 8, Interval(1.0, 1.2)), "undecided", "seen"),
        (Ratio(0.1, 4), "too few pairs", ""),
        (Ratio(9.0, 4), "too few pairs", "seen"),
        (Ratio(1.0, 4), "too few pairs", ""),
    ],
)
def test_verdicts_and_flags(ratio, said, flag):
    assert verdict(ratio) == said
    assert negative_transfer(ratio) == flag


def test_rounding_is_not_a_finding():
    baseline = {(subset, 0): 0.1 + 0.2 for subset in range(6)}
    arm = {(subset, 0): 0.3 for subset in range(6)}
    for ratio in (paired_ratio(arm, baseline), paired_ratio(baseline, arm)):
        assert ratio.value != 1
        assert (verdict(ratio), negative_transfer(ratio)) == ("undecided", "")


def test_a_clear_effect_is_found_with_five_pairs():
    generator = np.random.default_rng(0)
    found = []
    for _ in range(100):
        levels = generator.lognormal(3, 1, 5)
        noise = generator.lognormal(0, 0.1, 5)
        baseline = {(subset, 0): level for subset, level in enumerate(levels)}
        arm = {(subset, 0): 0.7 * level for subset, level in enumerate(levels * noise)}
        found.append(verdict(paired_ratio(arm, baseline)))
    # Paired, the spread between subsets (a factor e) does not hide a change of 30 %.
    assert found.count("gain") >= 97


def test_a_published_potential_is_a_constant_that_every_pair_is_compared_with():
    trained = {(seed, seed % 2): value for seed, value in enumerate((80.0, 90.0, 85.0, 95.0, 70.0))}
    found = paired_ratio(trained, {FIXED: 130.0})
    alone = ratio_of(np.log([value / 130.0 for value in trained.values()]))
    assert found.n_pairs == 5
    assert found.value == pytest.approx(alone.value)
    assert found.interval.low == pytest.approx(alone.interval.low)
    assert found.interval.high == pytest.approx(alone.interval.high)
    # Where no pair draws a subset, source models are what is drawn.
    assert paired_ratio({FIXED: 130.0}, {(None, 0): 65.0, (None, 1): 65.0}).n_pairs == 2
    both = paired_ratio({FIXED: 130.0}, {FIXED: 65.0})
    assert (both.value, both.n_pairs, both.interval) == (pytest.approx(2.0), 1, None)


def test_an_interval_against_a_published_potential_covers_the_true_ratio():
    """Of 95 % intervals of five pairs against a constant, 95 % contain the ratio of the medians."""
    rng = np.random.default_rng(3)
    covered = 0
    for errors in 80.0 * rng.lognormal(0.0, 0.2, (2000, 5)):
        trained = {(seed, seed): float(error) for seed, error in enumerate(errors)}
        interval = paired_ratio(trained, {FIXED: 130.0}).interval
        covered += interval.low < 80.0 / 130.0 < interval.high
    assert 0.935 < covered / 2000 < 0.965
