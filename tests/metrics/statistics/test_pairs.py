"""Pairs are matched by subset and init seed; a model that no subset belongs to stands for all."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlbench.metrics.statistics import geometric_mean
from tlbench.metrics.statistics.pairs import log_ratios

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
