"""Whether one number tells another."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from tlbench.metrics.statistics import MIN_GROUPS, association


def of(x, y, groups=None):
    return association(list(x), list(y), list(groups if groups is not None else range(len(x))))


def test_a_straight_line_is_told_and_predicted():
    x = np.linspace(0, 1, 12)
    found = of(x, 3 * x - 1)
    assert found.rho == pytest.approx(1)
    assert found.skill == pytest.approx(0, abs=1e-9)
    assert found.is_resolved
    assert found.interval[0] > 0.8


def test_reversing_one_of_them_reverses_the_correlation():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=20), rng.normal(size=20)
    one, other = of(x, y), of(-x, y)
    assert one.rho == pytest.approx(spearmanr(x, y).statistic)
    assert other.rho == pytest.approx(-one.rho)
    assert other.interval == pytest.approx((-one.interval[1], -one.interval[0]))
    assert other.skill == pytest.approx(one.skill)


def test_noise_predicts_no_better_than_the_mean():
    rng = np.random.default_rng(1)
    skills = [of(rng.normal(size=12), rng.normal(size=12)).skill for _ in range(200)]
    assert np.median(skills) > 1


@pytest.mark.parametrize("rho", [0.0, 0.6, 0.9])
def test_the_interval_covers_the_correlation(rho):
    rng = np.random.default_rng(2)
    # Spearman's correlation of a bivariate normal distribution.
    true = 6 / np.pi * np.arcsin(rho / 2)
    covered = 0
    for _ in range(500):
        x = rng.normal(size=12)
        y = rho * x + np.sqrt(1 - rho**2) * rng.normal(size=12)
        low, high = of(x, y).interval
        covered += low <= true <= high
    assert covered / 500 >= 0.92


def test_few_points_have_no_interval_and_constants_no_correlation():
    x = range(MIN_GROUPS - 1)
    assert of(x, x).interval is None
    assert not of(x, x).is_resolved
    assert of([1, 1, 1], [1, 2, 3]) is None
    assert of([1, 2], [1, 2]) is None


def test_even_six_points_in_order_leave_room_for_doubt():
    found = of(range(6), range(6))
    assert found.rho == pytest.approx(1)
    assert found.interval[0] < 0.9


def test_what_belongs_together_is_left_out_together():
    # The value is that of the group, whatever x says of it: seen pairs would predict each other.
    rng = np.random.default_rng(3)
    group = np.repeat(np.arange(8), 2)
    y = rng.normal(size=8)[group]
    x = y + 1e-3 * rng.normal(size=16)
    assert of(x, y, group).skill < 0.1
    unrelated = rng.normal(size=8)[group]
    assert of(unrelated, y, group).skill > 0.8


def test_points_that_belong_together_narrow_no_interval():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=8), rng.normal(size=8)
    once, thrice = of(x, y), of(np.repeat(x, 3), np.repeat(y, 3), np.repeat(np.arange(8), 3))
    assert thrice.n_points == 24
    assert thrice.n_groups == 8
    assert np.diff(thrice.interval) == pytest.approx(np.diff(once.interval), rel=0.05)


def test_relative_numbers_predict_nothing_that_is_left_out():
    x = np.linspace(0, 1, 12)
    assert association(list(x), list(x), list(range(12)), relative=True).skill is None


def test_relabelling_tells_chance_from_what_shares_elements():
    """Values that are a matter of one element correlate with much; exchanges of names show it."""
    from itertools import permutations

    names = range(4)
    pairs = list(permutations(names, 2))
    rng = np.random.default_rng(5)
    claimed = 0
    for _ in range(100):
        effect, other = rng.normal(size=4), rng.normal(size=4)
        y = [effect[b] + 0.1 * rng.normal() for _, b in pairs]
        x = {pair: abs(other[pair[0]] - other[pair[1]]) for pair in pairs}
        relabelled = [[x[order[a], order[b]] for a, b in pairs] for order in permutations(names)]
        found = association([x[p] for p in pairs], y, pairs, relabelled)
        claimed += found.chance <= 0.05
    assert claimed <= 11
