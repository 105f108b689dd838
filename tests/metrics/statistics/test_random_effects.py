"""Intervals over pairs and test structures: by hand, by symmetry, and in simulations."""

import math
import re

import numpy as np
import pytest
from scipy.special import stdtrit
from simulated_coverage import agree, table_in

from tlbench.metrics.statistics import crossed_ratio, paired_ratio, random_effects
from tlbench.metrics.statistics.interval import mean_interval
from tlbench.metrics.statistics.random_effects import crossed_variance

INTERACTION = 0.2
SHARES = [0.0, 0.5, 0.9]
TAILS = {
    "normal": lambda g, shape: g.standard_normal(shape),
    "t3": lambda g, shape: g.standard_t(3, size=shape) / math.sqrt(3),
}


def errors_of(generator, n_pairs=5, n_structures=18, pairs=0.1, structures=0.3, both=0.1):
    """Return errors of two arms whose log ratio is 0: pair → what each structure adds."""
    weights = generator.lognormal(0, 0.5, n_structures)
    of_structures = generator.normal(0, structures, n_structures)
    arm, baseline = {}, {}
    for seed in range(n_pairs):
        level = generator.lognormal(0, 0.5)
        logs = generator.normal(0, both, (2, n_structures)) / math.sqrt(2)
        baseline[seed, 0] = level * weights * np.exp(logs[0] - of_structures / 2)
        ratio = np.exp(generator.normal(0, pairs) + logs[1] + of_structures / 2)
        arm[seed, 0] = level * weights * ratio
    return arm, baseline


def sums(table):
    return {pair: float(errors.sum()) for pair, errors in table.items()}


def test_the_value_is_the_ratio_of_the_errors_over_all_structures():
    arm, baseline = errors_of(np.random.default_rng(0))
    found, alone = crossed_ratio(arm, baseline), paired_ratio(sums(arm), sums(baseline))
    assert (found.value, found.n_pairs, found.n_groups) == (pytest.approx(alone.value), 5, 18)
    assert found.interval.low < alone.interval.low < alone.interval.high < found.interval.high


def test_exchange_inverts_and_units_do_not_matter():
    arm, baseline = errors_of(np.random.default_rng(1))
    found = crossed_ratio(arm, baseline)
    scaled = [{pair: 1000 * e for pair, e in table.items()} for table in (baseline, arm)]
    exchanged = crossed_ratio(*scaled)
    assert exchanged.value == pytest.approx(1 / found.value)
    assert exchanged.interval.low == pytest.approx(1 / found.interval.high)
    assert exchanged.p == pytest.approx(found.p)


def test_the_order_of_structures_does_not_matter():
    arm, baseline = errors_of(np.random.default_rng(2))
    backwards = [{pair: e[::-1] for pair, e in table.items()} for table in (arm, baseline)]
    found = crossed_ratio(*backwards)
    assert found.interval.low == pytest.approx(crossed_ratio(arm, baseline).interval.low)


def test_by_hand():
    # Two structures that add as much to the baseline; the arm's ratio is e^±0.1 by pair, and the
    # first structure has 0.7 of its error in every pair: shares ±0.2, without interaction.
    factors = [math.exp(-0.1), 1.0, math.exp(0.1)]
    arm = {(n, 0): 2 * factor * np.array([0.7, 0.3]) for n, factor in enumerate(factors)}
    baseline = {(n, 0): np.ones(2) for n in range(3)}
    found = crossed_ratio(arm, baseline)
    assert found.value == pytest.approx(1)
    assert found.from_pairs == pytest.approx(0.1 / math.sqrt(3))
    # z is ±0.4, of variance 0.32, over two structures.
    assert found.from_structures == pytest.approx(0.4)
    variance = 0.01 / 3 + 0.16
    dof = variance**2 / ((0.01 / 3) ** 2 / 2 + 0.16**2 / 1)
    reach = stdtrit(dof, 0.975) * math.sqrt(variance)
    assert math.log(found.interval.high) == pytest.approx(reach)


def test_structures_on_which_all_ratios_are_alike_add_nothing():
    weights = np.array([1.0, 2.0, 5.0])
    arm = {(n, 0): factor * weights for n, factor in enumerate([0.5, 0.7, 0.6, 0.9])}
    baseline = {(n, 0): weights for n in range(4)}
    found, alone = crossed_ratio(arm, baseline), paired_ratio(sums(arm), sums(baseline))
    assert found.from_structures == pytest.approx(0, abs=1e-12)
    assert found.interval.low == pytest.approx(alone.interval.low)
    assert found.p == pytest.approx(alone.p)


def test_the_interaction_is_counted_once():
    """With it alone, the mean variance is that of the mean, which it is not if counted twice."""
    generator = np.random.default_rng(3)
    effects = generator.standard_normal((4000, 5, 20))
    logs, shares = linear(effects)
    found = crossed_variance(logs, shares)
    assert found.pairs.mean() == pytest.approx(1 / 100, rel=0.03)
    # Of what the structures add only the part above 0 is kept.
    assert found.structures.mean() < 0.3 / 100


def test_copies_of_a_structure_count_once_if_they_are_one_group():
    arm, baseline = errors_of(np.random.default_rng(4))
    once = crossed_ratio(arm, baseline)
    four = [{pair: np.repeat(e, 4) for pair, e in table.items()} for table in (arm, baseline)]
    groups = np.repeat(np.arange(18), 4).tolist()
    grouped, taken_apart = crossed_ratio(*four, groups), crossed_ratio(*four)
    assert grouped.n_groups == 18
    assert grouped.from_structures == pytest.approx(once.from_structures)
    assert grouped.interval.low == pytest.approx(once.interval.low)
    assert taken_apart.from_structures < 0.6 * once.from_structures


def test_fewer_than_three_pairs_have_no_interval():
    arm, baseline = errors_of(np.random.default_rng(5), n_pairs=2)
    found = crossed_ratio(arm, baseline)
    assert (found.interval, found.p, found.from_structures) == (None, None, None)
    assert crossed_ratio(arm, {(9, 9): np.ones(18)}) is None


def test_an_arm_without_subsets_is_one_unit_for_each_of_its_models():
    _, baseline = errors_of(np.random.default_rng(6), n_pairs=3)
    zero_shot = {(None, 0): np.ones(18)}
    found = crossed_ratio(zero_shot, baseline)
    assert found.n_pairs == 1
    assert found.value == pytest.approx(paired_ratio(sums(zero_shot), sums(baseline)).value)


@pytest.mark.parametrize(
    ("arm", "groups", "problem"),
    [
        (np.ones(3), None, "different numbers of test structures"),
        (np.ones(2), ["a", "b", "c"], "different numbers of test structures"),
        (np.ones(2), ["a", "a"], "at least two groups"),
        (np.zeros(2), None, "positive"),
    ],
)
def test_what_cannot_be_compared_is_refused(arm, groups, problem):
    with pytest.raises(ValueError, match=problem):
        crossed_ratio({(0, 0): arm}, {(0, 0): np.ones(2)}, groups)


def linear(effects):
    """Return log ratios and shares of which the effects (..., pairs, structures) are the sum."""
    logs = effects.mean(axis=-1)
    return logs, (effects - logs[..., np.newaxis]) / effects.shape[-1]


def coverage(n_pairs, n_structures, tail, share, samples, seed=0):
    """Return how often the interval, and that over pairs alone, holds the mean 0."""
    generator = np.random.default_rng([seed, n_pairs, n_structures])
    covered = []
    for _ in range(samples // 1000):
        effects = math.sqrt((1 - INTERACTION) * (1 - share) * n_pairs) * TAILS[tail](
            generator, (1000, n_pairs, 1)
        )
        effects = effects + math.sqrt((1 - INTERACTION) * share * n_structures) * TAILS[tail](
            generator, (1000, 1, n_structures)
        )
        effects = effects + math.sqrt(INTERACTION * n_pairs * n_structures) * TAILS[tail](
            generator, (1000, n_pairs, n_structures)
        )
        logs, shares = linear(effects)
        found = crossed_variance(logs, shares)
        reach = stdtrit(found.dof, 0.975) * np.sqrt(found.pairs + found.structures)
        low, high = mean_interval(logs)
        covered += [(abs(logs.mean(axis=-1)) <= reach, (low <= 0) & (high >= 0))]
    crossed, over_pairs = np.mean(covered, axis=(0, 2))
    return crossed, over_pairs


TABLE = table_in(random_effects.__doc__, "P × F   ")


@pytest.mark.parametrize("size", TABLE)
def test_coverage_is_as_documented(size):
    n_pairs, n_structures = map(int, size.split(" × "))
    columns = [(tail, share) for tail in TAILS for share in SHARES]
    for (tail, share), documented in zip(columns, TABLE[size], strict=True):
        crossed, _ = coverage(n_pairs, n_structures, tail, share, 2000, seed=1)
        assert agree(crossed, documented, 2000), (tail, share)


def test_pairs_alone_miss_what_structures_bring_as_documented():
    said = random_effects.__doc__.split("over pairs alone covers")[1]
    documented = [float(number) for number in re.findall(r"[0-9]+(?= %)", said)[:2]]
    for share, expected in zip(SHARES[1:], documented, strict=True):
        _, over_pairs = coverage(5, 18, "normal", share, 4000, seed=1)
        assert 100 * over_pairs == pytest.approx(expected, abs=3)


def test_errors_of_real_size_are_covered_too():
    """Not of linear effects: structures differ in size, and ratios are of sums."""
    generator, covered = np.random.default_rng(7), 0
    for _ in range(500):
        found = crossed_ratio(*errors_of(generator))
        covered += found.interval.low <= 1 <= found.interval.high
    # Standard error 1 %.
    assert covered / 500 == pytest.approx(0.95, abs=0.035)
