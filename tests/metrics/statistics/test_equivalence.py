"""How many structures the baseline needs, on curves whose answer is known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated_coverage import agree, table_in

from tlbench.metrics.statistics import (
    Bound,
    EquivalentSize,
    equivalence,
    equivalent_size,
    equivalent_sizes,
    paired_ratio,
    verdict,
)

PAIRS = [(subset, 0) for subset in range(6)]
SIZES = [1, 10, 100]


def constant(error, pairs=PAIRS):
    return dict.fromkeys(pairs, error)


FALLING = {size: constant(8 / size) for size in SIZES}
"""Errors 8, 0.8 and 0.08: straight over log N."""


def noisy(error, scale):
    """Return errors that scatter by a factor up to exp(scale) about ``error``."""
    scatter = np.linspace(-scale, scale, len(PAIRS))
    return {pair: error * math.exp(s) for pair, s in zip(PAIRS, scatter, strict=True)}


def test_interpolation_is_straight_in_log_log():
    # Half-way between 10 and 100, and between 0.8 and 0.08, in the geometric sense.
    found = equivalent_size(constant(math.sqrt(0.8 * 0.08)), FALLING)
    assert found.size == Bound(pytest.approx(math.sqrt(1000)))
    assert (found.n_pairs, found.text()) == (6, "32")


@pytest.mark.parametrize(
    ("error", "value", "censored", "text"),
    [
        (8.0, 1, "", "1.0"),
        (0.08, 100, "", "100"),
        (0.0799, 100, ">", "> 100"),
        (8.01, 1, "<", "< 1"),
    ],
)
def test_nothing_is_extrapolated(error, value, censored, text):
    found = equivalent_size(constant(error), FALLING)
    bound = Bound(pytest.approx(value), censored)
    assert found == EquivalentSize(bound, 6, (bound, bound))
    assert found.text() == text


def test_an_end_of_the_interval_may_be_censored():
    above = equivalent_size(noisy(0.09, 1.0), FALLING)
    assert above.size.value == pytest.approx(8 / 0.09)
    low, high = above.interval
    assert (low.value < above.size.value, low.censored, high) == (True, "", Bound(100, ">"))
    assert above.text() == f"89 [{low.value:.0f}, > 100]"
    below = equivalent_size(noisy(7.0, 1.0), FALLING)
    assert below.interval[0] == Bound(1, "<")
    assert (below.interval[1].value > below.size.value, below.interval[1].censored) == (True, "")


def test_the_interval_is_where_the_log_ratio_is_not_distinguished_from_0():
    arm = noisy(0.4, 0.5)
    low, high = (end.value for end in equivalent_size(arm, FALLING).interval)

    def said_at(size):
        return verdict(paired_ratio(arm, constant(8 / size)))

    assert [said_at(low * 0.99), said_at(low * 1.01)] == ["gain", "undecided"]
    assert [said_at(high * 0.99), said_at(high * 1.01)] == ["undecided", "loss"]


@given(
    st.lists(st.floats(-1, 1), min_size=3, max_size=3),
    st.lists(st.lists(st.floats(-2, 2), min_size=3, max_size=3), min_size=3, max_size=3),
)
def test_the_size_lies_in_its_interval_whatever_the_curves(arm, baseline):
    pairs = PAIRS[:3]
    table = dict(zip(pairs, map(math.exp, arm), strict=True))
    curve = {
        size: dict(zip(pairs, map(math.exp, logs), strict=True))
        for size, logs in zip(SIZES, baseline, strict=True)
    }
    found = equivalent_size(table, curve)

    def place(bound):
        return bound.value * {"<": 0.5, "": 1, ">": 2}[bound.censored]

    low, high = found.interval
    assert place(low) * (1 - 1e-9) <= place(found.size) <= place(high) * (1 + 1e-9)


def test_a_chance_rise_of_the_baseline_does_not_count_for_the_arm():
    # 430 with 10 structures and, by chance, 450 with 40: an arm with 434 at 10 is not better.
    baseline = {1: constant(600.0), 10: constant(430.0), 40: constant(450.0)}
    found = equivalent_size(constant(434.0), baseline)
    assert found.size.censored == ""
    assert found.size.value < 10
    assert equivalent_size(constant(429.0), baseline).size == Bound(40, ">")


def test_pairs_keep_their_sizes_together():
    # Every pair has a level of its own, shared by all sizes and both arms: it cancels.
    levels = {pair: 3.0 ** pair[0] for pair in PAIRS}
    baseline = {size: {p: level * 8 / size for p, level in levels.items()} for size in SIZES}
    found = equivalent_size({p: level * 0.4 for p, level in levels.items()}, baseline)
    expected = Bound(pytest.approx(20))
    assert (found.size, found.interval) == (expected, (expected, expected))


def test_only_pairs_of_all_sizes_and_both_arms_count():
    baseline = {size: {**FALLING[size], (99, size): 1e9} for size in SIZES}
    baseline[0] = constant(1e-9)
    found = equivalent_size({**constant(0.8), (77, 0): 1e9, (99, 1): 1e9}, baseline)
    assert (found.size.value, found.n_pairs) == (pytest.approx(10), 6)
    assert equivalent_size({(77, 0): 1.0}, FALLING) is None
    assert equivalent_size(constant(1.0), {}) is None


def test_below_three_pairs_there_is_no_interval():
    assert equivalent_size(constant(0.8, PAIRS[:2]), FALLING).interval is None
    assert equivalent_size(constant(0.8, PAIRS[:3]), FALLING).interval is not None


def test_an_arm_without_target_data_has_an_equivalent_size_too():
    zero_shot = {(None, init): 2.0 for init in range(3)}
    baseline = {n: {(s, i): 8 / n for s in range(3) for i in range(3)} for n in SIZES}
    found = equivalent_size(zero_shot, baseline)
    assert (found.size.value, found.n_pairs) == (pytest.approx(4), 3)


def test_every_size_of_an_arm_has_its_own():
    arm = {10: constant(0.4), 1: constant(4.0), 100: {(9, 9): 1.0}}
    found = equivalent_sizes(arm, FALLING)
    assert {size: each.size.value for size, each in found.items()} == pytest.approx({1: 2, 10: 20})
    assert list(found) == [1, 10]


TRUE_SIZES, N_PAIRS, SAMPLES = [20, 40], [3, 5, 10], 400


def covers(generator, true_size, n_pairs):
    """Return whether the interval holds the true size in one sample."""
    sizes = (1, 10, 40, 100, 195)
    logs = -0.3 * np.log([*sizes, true_size]) + generator.normal(0, 0.1, (n_pairs, 6))
    *curve, arm = np.exp(logs).T.tolist()
    tables = [{(n, 0): error for n, error in enumerate(errors)} for errors in (*curve, arm)]
    low, high = equivalent_size(tables[-1], dict(zip(sizes, tables, strict=False))).interval
    above = high.censored == ">" or true_size <= high.value
    return above and (low.censored == "<" or low.value <= true_size)


@pytest.mark.parametrize("n_pairs", N_PAIRS)
@pytest.mark.parametrize("true_size", TRUE_SIZES)
def test_coverage_is_as_documented(true_size, n_pairs):
    documented = table_in(equivalence.__doc__, "structures   ")[str(true_size)]
    generator = np.random.default_rng(n_pairs)
    found = np.mean([covers(generator, true_size, n_pairs) for _ in range(SAMPLES)])
    assert agree(found, documented[N_PAIRS.index(n_pairs)], SAMPLES)
