"""How often negative transfer of a property is claimed where there is none."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from made_up_properties import analysis, elastic

from tlbench.metrics.statistics import holm
from tlbench.metrics.statistics.ratio import ratio_of
from tlbench.report.properties.contradictions import comparisons, p_of_both
from tlbench.report.properties.values import shown_values

N_PAIRS, N_SAMPLES = 5, 400
MOST = 0.05 + 3 * np.sqrt(0.05 * 0.95 / N_SAMPLES)
"""Three standard errors above 5 %."""


def deviates(generator, bias):
    """Return log errors of values that scatter about ``bias`` from the reference."""
    return np.log(np.abs(bias + generator.normal(size=N_PAIRS)))


def claims(force, error, n_values=1):
    """Return the share of samples in which a value is claimed, of log ratios that are drawn."""
    generator, found = np.random.default_rng(0), 0
    for _ in range(N_SAMPLES):
        of_force = ratio_of(force(generator))
        p = {n: p_of_both(of_force, ratio_of(error(generator))) for n in range(n_values)}
        found += min(holm(p).values()) < 0.05
    return found / N_SAMPLES


def lower(generator):
    return np.log(0.5) + 0.2 * generator.normal(size=N_PAIRS)


def equal(generator):
    return 0.2 * generator.normal(size=N_PAIRS)


@pytest.mark.parametrize("bias", [0.0, 3.0])
@pytest.mark.parametrize("n_values", [1, 18])
def test_a_lower_force_error_with_an_equal_error_is_seldom_claimed(bias, n_values):
    def error(generator):
        return deviates(generator, bias) - deviates(generator, bias)

    assert claims(lower, error, n_values) <= MOST


@pytest.mark.parametrize("factor", [1.0, 8.0])
def test_an_equal_force_error_is_seldom_claimed_whatever_the_error(factor):
    def error(generator):
        return np.log(factor) + deviates(generator, 3.0) - deviates(generator, 3.0)

    assert claims(equal, error) <= MOST


def test_errors_of_unlike_shape_are_claimed_too_often_as_the_method_says():
    """The assumption of symmetry matters: the manual states about 10 %."""
    generator = np.random.default_rng(1)
    logs = [np.mean([deviates(generator, bias) for _ in range(100_000)]) for bias in (0.0, 3.0)]

    def error(generator):
        return deviates(generator, 0.0) - deviates(generator, 3.0) - (logs[0] - logs[1])

    found = claims(lower, error)
    assert found == pytest.approx(0.095, abs=3 * np.sqrt(0.095 * 0.905 / N_SAMPLES))


def test_what_is_true_is_claimed():
    assert claims(lower, lambda generator: -lower(generator)) > 0.95


def test_the_force_error_allows_for_the_choice_of_test_structures():
    """A force error that is lower in every pair, but because of a single test structure."""
    generator = np.random.default_rng(2)
    arms = [*product(("scratch", "finetune"), range(N_PAIRS))]
    parts = {"scratch": [10.0, 10.0, 10.0, 10.0, 30.0], "finetune": [11.0, 11.0, 11.0, 11.0, 2.0]}
    found, shares, forces = [], {}, []
    for strategy, seed in arms:
        scatter = float(np.exp(0.1 * generator.normal()))
        error = (5.0 if strategy == "scratch" else 20.0) * scatter
        found.append(elastic(140.0 - error, strategy, seed))
        scatter = float(np.exp(0.02 * generator.normal()))
        shares[f"f{found[-1].job}", "force_mae"] = np.array(parts[strategy]) * scatter
        forces.append(float(sum(parts[strategy]) * scatter))
    made, shown = analysis(found, forces), shown_values("elastic", found)
    (of_pairs,) = comparisons(made, shown)
    (of_both,) = comparisons(replace(made, shares=shares), shown)
    assert of_pairs.is_beyond_chance
    assert not of_both.is_beyond_chance
    assert of_both.force.value == pytest.approx(of_pairs.force.value)
    assert of_both.error == of_pairs.error


def test_values_of_unstable_crystals_are_not_compared():
    """Over the other pairs, of which too few are left for a claim."""
    arms = [*product(("scratch", "finetune"), range(N_PAIRS))]
    of = {"scratch": 130.0, "finetune": 90.0}
    found = [elastic(of[s] + seed, s, seed, c44=-3.0 if seed == 4 else 70.0) for s, seed in arms]
    forces = [100.0 + seed if s == "scratch" else 50.0 for s, seed in arms]
    some = comparisons(analysis(found, forces), shown_values("elastic", found))
    (c11,) = (each for each in some if each.shown.symbol == "C11")
    assert (c11.error.n_pairs, c11.p) == (4, None)
