"""Survival curves, against numbers worked out by hand."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from tlbench.metrics.statistics import MeanTime, kaplan_meier, mean_survival_time


def test_a_curve_with_ties_and_censoring():
    curve = kaplan_meier([2, 1, 2, 2, 3, 4], [True, True, True, False, False, True])
    # At risk 6, 5, 2 (the one censored at 2 counts at 2), 1; failures 1, 2, 0, 1.
    assert curve.times == pytest.approx([0, 1, 2, 3, 4])
    assert curve.surviving == pytest.approx([1, 5 / 6, 5 / 6 * 3 / 5, 1 / 2, 0])
    assert curve.restricted_mean(4) == pytest.approx(1 + 5 / 6 + 2 * 1 / 2)
    assert curve.restricted_mean(2.5) == pytest.approx(1 + 5 / 6 + 0.5 * 1 / 2)
    # Nobody lives on: nothing is added.
    assert curve.restricted_mean(100) == curve.restricted_mean(4)


def test_without_a_failure_all_survive():
    curve = kaplan_meier([10.0, 10.0], [False, False])
    assert curve.surviving.tolist() == [1, 1]
    assert curve.restricted_mean(10) == 10


def test_a_failure_at_the_start_counts():
    assert kaplan_meier([0.0, 4.0], [True, False]).restricted_mean(4) == 2


@given(st.lists(st.floats(0, 20), min_size=1, max_size=30))
def test_runs_of_one_length_have_the_mean_of_the_times_that_they_lasted(lifetimes):
    lasted = [min(time, 10.0) for time in lifetimes]
    curve = kaplan_meier(lasted, [time < 10 for time in lifetimes])
    assert curve.restricted_mean(10) == pytest.approx(np.mean(lasted), abs=1e-12)
    assert (np.diff(curve.surviving) <= 0).all()


def test_exponential_lifetimes_under_censoring_have_their_survival_and_mean():
    rng = np.random.default_rng(0)
    lifetimes, censored = rng.exponential(2, 20_000), rng.exponential(3, 20_000)
    curve = kaplan_meier(np.minimum(lifetimes, censored), lifetimes <= censored)
    for time in (0.5, 1, 2, 4):
        found = curve.surviving[np.searchsorted(curve.times, time, side="right") - 1]
        assert found == pytest.approx(math.exp(-time / 2), abs=0.02)
    # ∫ exp(-t/2) dt up to 4; those censored would make a plain mean 1.2.
    assert curve.restricted_mean(4) == pytest.approx(2 * (1 - math.exp(-2)), rel=0.02)


def test_what_cannot_be_known_is_refused():
    with pytest.raises(ValueError, match="longest time observed is 3"):
        kaplan_meier([1, 3], [True, False]).restricted_mean(4)
    with pytest.raises(ValueError, match="no survival curve"):
        kaplan_meier([], [])
    with pytest.raises(ValueError, match="no survival curve"):
        kaplan_meier([1.0, 2.0], [True])


def test_the_interval_of_a_mean_time_is_students_over_models():
    lifetimes = [[1.0, 3.0], [2.0, 6.0, 7.0], [5.0], [9.0, 20.0]]
    curves = [kaplan_meier(times, [True] * len(times)) for times in lifetimes]
    means = [2.0, 5.0, 5.0, 9.5]
    found = mean_survival_time(curves, 10.0)
    assert found.value == pytest.approx(np.mean(means))
    whole = scipy.stats.t(3, np.mean(means), scipy.stats.sem(means)).interval(0.95)
    assert found.interval == pytest.approx((max(0, whole[0]), min(10, whole[1])))


def test_models_that_do_not_differ_say_nothing_of_others():
    alive = kaplan_meier([10.0, 10.0], [False, False])
    assert mean_survival_time([alive] * 3, 10.0) == MeanTime(10.0, None)
    assert mean_survival_time([kaplan_meier([4.0], [True])], 10.0) == MeanTime(4.0, None)
    with pytest.raises(ValueError, match="no model"):
        mean_survival_time([], 10.0)
