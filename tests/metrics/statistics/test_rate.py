"""Rates of clustered events, and their differences."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from tlbench.metrics.statistics import (
    FIXED,
    Difference,
    clustered_rate,
    paired_difference,
    unpaired_interval,
    wilson_interval,
)
from tlbench.metrics.statistics.interval import mean_interval


@given(st.integers(1, 300), st.data())
def test_whole_numbers_of_trials_have_the_interval_of_scipy(count, data):
    successes = data.draw(st.integers(0, count))
    expected = binomtest(successes, count).proportion_ci(method="wilson")
    assert wilson_interval(successes / count, count) == pytest.approx(tuple(expected), abs=1e-12)


def test_the_study_itself_if_its_replicas_were_independent():
    # 1/(1 + z²/n) for 100/100; the other from the closed formula, by hand.
    assert wilson_interval(1.0, 100) == pytest.approx((0.96300, 1.0), abs=1e-5)
    assert wilson_interval(0.35, 100) == pytest.approx((0.26365, 0.44746), abs=1e-5)


def test_correlation_by_hand():
    # 4, 3 and 1 of 4: total 8 of 12, Σy²/m = 26/4. Mean squares (6.5 - 64/12)/2 = 7/12 between
    # and (8 - 6.5)/9 = 1/6 within; (7/12 - 1/6)/(7/12 + 3/6) = 5/13.
    rate = clustered_rate([4, 3, 1], [4, 4, 4])
    assert rate.correlation == pytest.approx(5 / 13)
    assert (rate.n_clusters, rate.n_replicas, rate.value) == (3, 12, 8 / 12)
    # 12 / (1 + 3 · 5/13) = 5.6, times (1.960/4.303)² = 1.2: not below the number of models.
    assert rate.n_effective == 3
    assert (rate.low, rate.high) == wilson_interval(8 / 12, 3)


def test_correlation_of_clusters_of_several_sizes_by_hand():
    # 2/2, 1/4: total 3 of 6, Σy²/m = 2.25; (2.25 - 1.5)/1 = 0.75, (3 - 2.25)/4 = 0.1875,
    # size (6 - 20/6)/1 = 8/3; 0.5625 / (0.75 + 5/3 · 0.1875) = 9/17.
    assert clustered_rate([2, 1], [2, 4]).correlation == pytest.approx(9 / 17)


def test_independent_replicas_lose_only_what_few_models_cost():
    # Each model has the same rate: less scatter than chance would give, so ρ is clamped to 0.
    rate = clustered_rate([30] * 5, [100] * 5)
    assert rate.correlation == 0
    # Student's t for 4 degrees of freedom is 2.776.
    assert rate.n_effective == pytest.approx(500 * (1.95996 / 2.77645) ** 2, rel=1e-4)


def test_replicas_that_share_the_fate_of_their_model_count_once():
    rate = clustered_rate([100, 100, 0, 100, 0], [100] * 5)
    assert (rate.correlation, rate.n_effective) == (1, 5)
    assert (rate.low, rate.high) == wilson_interval(0.6, 5)


@pytest.mark.parametrize("fate", [0, 100])
def test_where_all_replicas_meet_one_end_each_model_counts_once(fate):
    rate = clustered_rate([fate] * 3, [100] * 3)
    assert (rate.correlation, rate.n_effective, rate.value) == (None, 3, fate / 100)
    assert (rate.low, rate.high) == wilson_interval(fate / 100, 3)


def test_a_single_model_counts_once_however_many_replicas_it_has():
    rate = clustered_rate([40], [100])
    assert (rate.correlation, rate.n_effective) == (None, 1)


def test_one_replica_of_each_model_is_not_clustered():
    rate = clustered_rate([1, 0, 1, 1], [1] * 4)
    assert (rate.low, rate.high) == wilson_interval(0.75, 4)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), min_size=1, max_size=8))
def test_any_counts_have_an_interval_around_their_rate(counts):
    replicas = [most for _, most in counts]
    successes = [min(some, most) for some, most in counts]
    rate = clustered_rate(successes, replicas)
    assert 0 <= rate.low <= rate.value + 1e-12
    assert rate.value - 1e-12 <= rate.high <= 1
    assert rate.n_clusters <= rate.n_effective <= rate.n_replicas
    assert clustered_rate(successes[::-1], replicas[::-1]).low == pytest.approx(rate.low)


@pytest.mark.parametrize(
    ("successes", "replicas"), [([], []), ([2], [1]), ([-1], [1]), ([0, 0], [1, 0])]
)
def test_counts_that_cannot_be_are_refused(successes, replicas):
    with pytest.raises(ValueError, match="make no rate"):
        clustered_rate(successes, replicas)


def test_the_interval_covers_the_rate_where_one_of_independent_replicas_does_not():
    rng = np.random.default_rng(0)
    rate, correlation, models, replicas, samples = 0.35, 0.3, 5, 100, 400
    strength = (1 - correlation) / correlation
    of_models = rng.beta(rate * strength, (1 - rate) * strength, (samples, models))
    clustered = naive = 0
    for successes in rng.binomial(replicas, of_models):
        found = clustered_rate(successes, [replicas] * models)
        clustered += found.low <= rate <= found.high
        low, high = wilson_interval(found.value, models * replicas)
        naive += low <= rate <= high
    assert clustered / samples > 0.92
    assert naive / samples < 0.4


def test_differences_are_taken_within_pairs():
    arm = {(0, 0): 1.0, (1, 0): 0.5, (7, 0): 1.0}
    baseline = {(1, 0): 0.75, (0, 0): 0.0}
    found = paired_difference(arm, baseline)
    assert found == Difference(pytest.approx((1.0 - 0.25) / 2), 2, None)
    assert found.side() == 0


def test_an_arm_without_subsets_is_compared_with_every_subset_of_its_init_seed():
    found = paired_difference({(None, 0): 0.5}, {(0, 0): 0.0, (1, 0): 0.5, (0, 1): 1.0})
    assert found == Difference(pytest.approx(0.25), 1, None)


def test_from_three_pairs_on_there_is_the_interval_of_the_mean():
    gains = [0.5, 0.6, 0.4]
    found = paired_difference(
        {(seed, 0): 0.2 + gain for seed, gain in enumerate(gains)},
        {(seed, 0): 0.2 for seed in range(3)},
    )
    assert found.interval == pytest.approx(tuple(map(float, mean_interval(np.array(gains)))))
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


def test_pairs_share_the_estimated_rate_of_a_published_potential():
    trained = {(seed, seed): rate for seed, rate in enumerate((0.2, 0.4, 0.5, 0.9))}
    found = paired_difference({FIXED: 0.8}, trained)
    assert found == Difference(pytest.approx(0.3), 1, None)
    assert paired_difference({FIXED: 0.8}, {}) is None
