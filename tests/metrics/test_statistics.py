"""Arms are compared pair by pair, by the geometric mean of their ratios."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlbench.metrics.statistics import Ratio, geometric_mean, paired_ratio


def test_geometric_mean_by_hand():
    assert geometric_mean([2.0, 8.0]) == pytest.approx(4)
    assert geometric_mean([1.0, 10.0, 100.0]) == pytest.approx(10)
    assert geometric_mean([7.0]) == pytest.approx(7)


errors = st.floats(1e-3, 1e3)


@given(st.lists(errors, min_size=1, max_size=8), errors)
def test_geometric_mean_scales_and_lies_between(values, factor):
    mean = geometric_mean(values)
    assert min(values) * (1 - 1e-9) <= mean <= max(values) * (1 + 1e-9)
    assert geometric_mean([factor * v for v in values]) == pytest.approx(factor * mean)


def test_ratios_are_taken_within_pairs():
    arm = {(0, 0): 10.0, (1, 0): 40.0}
    baseline = {(1, 0): 20.0, (0, 0): 20.0}
    # 0.5 and 2; the order of the pairs does not matter.
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
    assert paired_ratio(zero_shot, baseline) == Ratio(pytest.approx(2), 1)


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


@given(st.dictionaries(st.tuples(st.integers(0, 3), st.integers(0, 3)), errors, min_size=1))
def test_an_arm_against_itself_is_one_and_exchange_inverts(values):
    tripled = {pair: 3 * value for pair, value in values.items()}
    assert paired_ratio(values, values) == Ratio(pytest.approx(1), len(values))
    assert paired_ratio(tripled, values) == Ratio(pytest.approx(3), len(values))
    assert paired_ratio(values, tripled) == Ratio(pytest.approx(1 / 3), len(values))
