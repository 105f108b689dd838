"""How many structures the baseline needs, on curves whose answer is known."""

import math

import numpy as np
import pytest

from tlbench.metrics.statistics import Bound, BoundInterval, EquivalentSize, equivalent_size

PAIRS = [(subset, 0) for subset in range(6)]
SIZES = [1, 10, 100]


def constant(error, pairs=PAIRS):
    return dict.fromkeys(pairs, error)


FALLING = {size: constant(8 / size) for size in SIZES}
"""Errors 8, 0.8 and 0.08: log-log straight."""


def test_interpolation_is_straight_in_log_log():
    # Half-way between 10 and 100, and between 0.8 and 0.08, in the geometric sense.
    found = equivalent_size(constant(math.sqrt(0.8 * 0.08)), FALLING)
    assert found.value == pytest.approx(math.sqrt(1000))
    assert (found.censored, found.n_pairs) == ("", 6)


@pytest.mark.parametrize(
    ("error", "value", "censored"),
    [(8.0, 1, ""), (0.08, 100, ""), (0.0799, 100, ">"), (8.01, 1, "<")],
)
def test_nothing_is_known_outside_the_measured_range(error, value, censored):
    found = equivalent_size(constant(error), FALLING)
    bound = Bound(pytest.approx(value), censored)
    assert found == EquivalentSize(bound.value, censored, 6, BoundInterval(bound, bound))


def test_the_answer_never_contradicts_the_ratio_at_the_same_size():
    # 430 with 10 structures and, by chance, 450 with 40: an arm with 434 at 10 is no better.
    baseline = {1: constant(600.0), 10: constant(430.0), 40: constant(450.0)}
    found = equivalent_size(constant(434.0), baseline)
    assert found.censored == ""
    assert found.value < 10
    assert equivalent_size(constant(429.0), baseline).censored == ">"


def test_only_models_that_match_the_arms_count():
    baseline = {size: {**FALLING[size], (99, 0): 1e9} for size in SIZES}
    baseline[1000] = {(99, 0): 1e-9}
    baseline[0] = constant(1e-9)
    found = equivalent_size({**constant(0.8), (77, 0): 1e9}, baseline)
    assert (found.value, found.n_pairs) == (pytest.approx(10), 6)
    assert equivalent_size({(77, 0): 1.0}, FALLING) is None
    assert equivalent_size(constant(1.0), {}) is None


def test_below_five_pairs_there_is_no_interval():
    assert equivalent_size(constant(0.8, PAIRS[:4]), FALLING).interval is None
    assert equivalent_size(constant(0.8, PAIRS[:5]), FALLING).interval is not None


def noisy(error, scale):
    """Errors that scatter by a factor up to exp(scale) about ``error``."""
    scatter = np.linspace(-scale, scale, len(PAIRS))
    return {pair: error * math.exp(s) for pair, s in zip(PAIRS, scatter, strict=True)}


def test_an_end_of_the_interval_may_be_censored():
    above = equivalent_size(noisy(0.09, 1.0), FALLING)
    assert above.value == pytest.approx(8 / 0.09)
    assert above.interval.low.censored == ""
    assert above.interval.low.value < above.value
    assert above.interval.high == Bound(100, ">")
    below = equivalent_size(noisy(7.0, 1.0), FALLING)
    assert below.interval.low == Bound(1, "<")
    assert (below.interval.high.value > below.value, below.interval.high.censored) == (True, "")


def test_pairs_keep_their_sizes_together():
    # Every pair has a level of its own, shared by all sizes and both arms: it cancels.
    levels = {pair: 3.0 ** pair[0] for pair in PAIRS}
    baseline = {size: {p: level * 8 / size for p, level in levels.items()} for size in SIZES}
    found = equivalent_size({p: level * 0.4 for p, level in levels.items()}, baseline)
    assert found.value == pytest.approx(20)
    assert found.interval.low.value == pytest.approx(20)
    assert found.interval.high.value == pytest.approx(20)


def test_order_does_not_matter_and_the_seed_does():
    arm = noisy(0.4, 0.5)
    found = equivalent_size(arm, FALLING, 3)
    backwards = {size: dict(reversed(FALLING[size].items())) for size in reversed(SIZES)}
    assert equivalent_size(dict(reversed(arm.items())), backwards, 3) == found
    assert equivalent_size(arm, FALLING, 4).interval != found.interval


def test_resamples_without_a_size_are_dropped():
    baseline = {**FALLING, 1000: {PAIRS[0]: 0.008}}
    found = equivalent_size(constant(0.008), baseline)
    assert (found.value, found.censored) == (pytest.approx(1000), "")
    assert found.interval.low.value == pytest.approx(1000)


def test_an_arm_without_target_data_has_an_equivalent_size_too():
    zero_shot = {(None, init): 2.0 for init in range(5)}
    baseline = {n: {(s, i): 8 / n for s in range(3) for i in range(5)} for n in SIZES}
    found = equivalent_size(zero_shot, baseline)
    assert (found.value, found.n_pairs) == (pytest.approx(4), 5)
    assert found.interval.low.value == pytest.approx(4)
