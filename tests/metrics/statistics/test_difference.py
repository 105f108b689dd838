"""Rates of arms are compared pair by pair, by the mean of their differences."""

import math

import pytest

from tlbench.metrics.statistics import (
    Difference,
    clustered_rate,
    paired_difference,
    unpaired_interval,
)
from tlbench.metrics.statistics.bootstrap import mean_interval


def test_differences_are_taken_within_pairs():
    arm = {(0, 0): 1.0, (1, 0): 0.5, (7, 0): 1.0}
    baseline = {(1, 0): 0.75, (0, 0): 0.0}
    found = paired_difference(arm, baseline)
    assert found == Difference(pytest.approx((1.0 - 0.25) / 2), 2, None)
    assert found.side() == 0


def test_an_arm_without_subsets_is_compared_with_every_subset_of_its_init_seed():
    found = paired_difference({(None, 0): 0.5}, {(0, 0): 0.0, (1, 0): 0.5, (0, 1): 1.0})
    assert found == Difference(pytest.approx(0.25), 1, None)


def test_from_five_pairs_on_there_is_the_interval_of_the_mean():
    gains = [0.5, 0.6, 0.4, 0.7, 0.3]
    found = paired_difference(
        {(seed, 0): 0.2 + gain for seed, gain in enumerate(gains)},
        {(seed, 0): 0.2 for seed in range(5)},
        3,
    )
    import numpy as np

    assert found.interval == pytest.approx(tuple(map(float, mean_interval(np.array(gains), 3))))
    assert found.side() == 1


@pytest.mark.parametrize(
    ("interval", "side"), [((-0.2, -0.1), -1), ((-0.1, 0.1), 0), ((0.0, 0.1), 0), ((0.1, 0.2), 1)]
)
def test_the_side_of_zero_is_that_of_the_whole_interval(interval, side):
    assert Difference(0.0, 9, interval).side() == side


def test_without_a_shared_pair_there_is_no_difference():
    assert paired_difference({(0, 0): 1.0}, {(0, 1): 1.0}) is None
    assert math.isclose(paired_difference({(0, 0): 0.0}, {(0, 0): 1.0}).value, -1.0)


@pytest.mark.parametrize(
    ("one", "other", "interval"),
    [
        # Newcombe, Statistics in Medicine 17, 873 (1998), table II, method 10.
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((10, 10), (0, 20), (0.6791, 1.0)),
        ((10, 10), (0, 10), (0.6075, 1.0)),
    ],
)
def test_the_interval_of_independent_rates_is_newcombes(one, other, interval):
    rates = [clustered_rate([1] * k + [0] * (n - k), [1] * n) for k, n in (one, other)]
    assert unpaired_interval(*rates) == pytest.approx(interval, abs=5e-5)
    low, high = unpaired_interval(*reversed(rates))
    assert (-high, -low) == pytest.approx(interval, abs=5e-5)
