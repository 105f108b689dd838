"""The area between learning curves, against integrals worked out by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlbench.metrics.statistics import area_ratio, paired_ratio

PAIRS = [(subset, 0) for subset in range(6)]


def curve(errors_by_size, pairs=PAIRS):
    return {size: dict.fromkeys(pairs, error) for size, error in errors_by_size.items()}


@given(st.floats(0.01, 100), st.sets(st.integers(1, 1000), min_size=2, max_size=6))
def test_a_constant_ratio_is_its_own_mean(ratio, sizes):
    baseline = {size: {pair: 1 / size + pair[0] for pair in PAIRS} for size in sizes}
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
    baseline = {size: dict.fromkeys(PAIRS, 50 / size) for size in (1, 10, 100)}
    # The ratios of a pair differ between sizes, but their weighted log mean is its factor.
    tilt = {1: 2.0, 10: 1.0, 100: 0.5}
    arm = {
        size: {
            pair: factor * tilt[size] * 50 / size
            for pair, factor in zip(PAIRS, factors, strict=True)
        }
        for size in (1, 10, 100)
    }
    flat = paired_ratio(dict(zip(PAIRS, factors, strict=True)), dict.fromkeys(PAIRS, 1.0), 9)
    found = area_ratio(arm, baseline, 9)
    assert (found.value, found.n_pairs) == (pytest.approx(flat.value), 6)
    assert found.interval.low == pytest.approx(flat.interval.low)
    assert found.interval.high == pytest.approx(flat.interval.high)


def test_only_common_sizes_and_complete_pairs_count():
    arm = curve({0: 1e6, 1: 3.0, 10: 3.0, 500: 1e6})
    baseline = curve({0: 1.0, 1: 1.0, 10: 1.0, 100: 1e-6})
    del arm[1][PAIRS[0]], baseline[10][PAIRS[1]]
    arm[10][PAIRS[0]] = baseline[1][PAIRS[1]] = 1e9
    found = area_ratio(arm, baseline)
    assert (found.value, found.n_pairs, found.interval) == (pytest.approx(3), 4, None)


def test_exchange_inverts():
    baseline = {size: {pair: 1 + pair[0] / size for pair in PAIRS} for size in (1, 4, 9)}
    arm = curve({1: 1.0, 4: 0.9, 9: 0.4})
    there, back = area_ratio(arm, baseline, 1), area_ratio(baseline, arm, 1)
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
