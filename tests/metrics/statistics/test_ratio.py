"""Arms are compared pair by pair, by the geometric mean of their ratios."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlbench.metrics.statistics import Interval, Ratio, paired_ratio
from tlbench.metrics.statistics.bootstrap import mean_interval

errors = st.floats(1e-3, 1e3)
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
        if len(values) < 5:
            assert found.interval is None
        else:
            assert found.interval == Interval(pytest.approx(expected), pytest.approx(expected))


@given(tables, tables, st.integers(0, 2**63 - 1))
def test_exchange_inverts_and_order_does_not_matter(arm, baseline, seed):
    found = paired_ratio(arm, baseline, seed)
    backwards = [dict(reversed(table.items())) for table in (arm, baseline)]
    assert paired_ratio(*backwards, seed) == found
    exchanged = paired_ratio(baseline, arm, seed)
    if found is None:
        assert exchanged is None
        return
    assert exchanged.value == pytest.approx(1 / found.value)
    if found.interval:
        assert exchanged.interval.low == pytest.approx(1 / found.interval.high)
        assert exchanged.interval.high == pytest.approx(1 / found.interval.low)


PAIRS = [(subset, init) for subset in range(3) for init in range(2)]
RATIOS = [0.5, 0.9, 0.7, 1.1, 0.6, 0.8]
ARM = {pair: 20 * ratio for pair, ratio in zip(PAIRS, RATIOS, strict=True)}
BASELINE = dict.fromkeys(PAIRS, 20.0)


def test_the_interval_is_that_of_the_mean_log_ratio():
    found = paired_ratio(ARM, BASELINE, 3)
    low, high = mean_interval(np.log(RATIOS), 3)
    assert found.interval == Interval(pytest.approx(math.exp(low)), pytest.approx(math.exp(high)))
    assert 0.5 < found.interval.low < found.value < found.interval.high < 1.1


def test_the_seed_alone_decides_on_the_resamples():
    assert paired_ratio(ARM, BASELINE, 3) == paired_ratio(ARM, BASELINE, 3)
    other = paired_ratio(ARM, BASELINE, 4)
    assert other.interval != paired_ratio(ARM, BASELINE, 3).interval
    # The error of 10,000 resamples is small beside the interval itself.
    assert other.interval.low == pytest.approx(
        paired_ratio(ARM, BASELINE, 3).interval.low, rel=0.02
    )


def test_the_interval_needs_five_pairs():
    four, five = (dict(list(ARM.items())[:n]) for n in (4, 5))
    assert paired_ratio(four, BASELINE).interval is None
    assert paired_ratio(five, BASELINE).interval is not None


def test_five_models_without_subsets_have_the_interval_of_five_pairs():
    zero_shot = {(None, init): 1.0 + init for init in range(5)}
    baseline = {(subset, init): 2.0 for subset in range(4) for init in range(5)}
    alone = {(0, init): 2.0 for init in range(5)}
    found = paired_ratio(zero_shot, baseline)
    assert found.n_pairs == 5
    assert found.interval == paired_ratio(zero_shot, alone).interval
