"""Rank correlation of crossed models: values, missing models, and coverage."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from tlbench.report.properties.correlation import _rank_correlations, correlation, without_arms

N_ARMS, N_PAIRS = 14, 5


def errors(generator, of_arm=2.0, of_pair=1.0):
    """Return errors with effects of the arm and of the pair."""
    return (
        of_arm * generator.normal(size=(N_ARMS, 1))
        + of_pair * generator.normal(size=(1, N_PAIRS))
        + generator.normal(size=(N_ARMS, N_PAIRS))
    )


def test_it_is_spearmans_without_the_models_that_failed():
    generator = np.random.default_rng(0)
    x, y = errors(generator), errors(generator)
    x[0, 0] = y[3, 2] = y[3, 3] = np.nan
    both = np.isfinite(x) & np.isfinite(y)
    found = correlation(x, y, 99)
    assert found.rho == pytest.approx(spearmanr(x[both], y[both]).statistic)
    assert (found.n_models, found.n_arms, found.n_pairs) == (67, 14, 5)
    assert found.interval[0] < found.rho < found.interval[1]


def test_arms_without_models_change_nothing():
    generator = np.random.default_rng(5)
    x, y = errors(generator), errors(generator)
    empty = np.full((3, N_PAIRS), np.nan)
    beside = correlation(np.vstack([x, empty]), np.vstack([y, empty]), 99)
    assert beside == correlation(x, y, 99)


def test_a_model_that_stands_for_every_pair_counts_once():
    """The rank correlation is that of the models, each once, whatever pairs one of them is in."""
    generator = np.random.default_rng(6)
    x, y, share = errors(generator), errors(generator), np.ones((N_ARMS, N_PAIRS))
    x[3], y[3], share[3] = 9.0, -9.0, 1 / N_PAIRS
    once = [np.append(np.delete(each, 3, axis=0), each[3, 0]) for each in (x, y)]
    found = correlation(x, y, 999, share)
    assert found.rho == pytest.approx(spearmanr(*once).statistic)
    assert (found.n_models, found.n_arms) == (66, 14)
    # Five times it would count for more, and pull the correlation and its interval down.
    repeated = correlation(x, y, 999)
    assert repeated.rho < found.rho - 0.05
    assert repeated.interval[0] < found.interval[0]


def test_samples_have_a_model_as_often_as_its_arm_and_pair_are_drawn():
    """Ranks by weights are those of a sample in which models are written as often as drawn."""
    generator = np.random.default_rng(7)
    x, y = (np.round(errors(generator)) for _ in range(2))
    weights = np.outer(generator.integers(0, 3, N_ARMS), generator.integers(0, 3, N_PAIRS))
    drawn = [np.repeat(each.ravel(), weights.ravel()) for each in (x, y)]
    (found,) = _rank_correlations(x.ravel(), y.ravel(), weights.reshape(1, -1).astype(float))
    assert found == pytest.approx(spearmanr(*drawn).statistic)
    share = np.full(5, 0.2)
    assert np.isnan(_rank_correlations(np.ones(5), np.arange(5.0), share[None])).all()


def test_errors_that_rise_together_follow_each_other():
    x = errors(np.random.default_rng(1))
    for y, sign in ((np.exp(x), 1), (-x, -1)):
        found = correlation(x, y)
        assert found.rho == pytest.approx(sign)
        assert found.is_resolved
        assert found.p == pytest.approx(2 / 2000)


def test_what_does_not_vary_has_none_and_too_few_have_no_interval():
    x = errors(np.random.default_rng(2))
    assert correlation(x, np.ones_like(x)) is None
    assert correlation(np.full_like(x, np.nan), x) is None
    for some in (np.s_[:, :4], np.s_[:5]):
        found = correlation(x[some], x[some])
        assert (found.interval, found.p) == (None, None)


def test_errors_of_no_relation_seldom_seem_to_follow_each_other():
    generator = np.random.default_rng(3)
    found = [correlation(errors(generator), errors(generator), 199) for _ in range(200)]
    resolved = np.mean([each.is_resolved for each in found])
    # Three standard errors of 5 % in 200. Resampled pairs alone would resolve half of them.
    assert resolved <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)


def test_errors_that_differ_between_arms_alone_do_not_go_together_within_them():
    generator = np.random.default_rng(4)
    shared = 2 * generator.normal(size=(N_ARMS, 1))
    x, y = (np.exp(shared + 0.5 * generator.normal(size=(N_ARMS, N_PAIRS))) for _ in range(2))
    assert correlation(x, y).is_resolved
    assert not correlation(without_arms(x), without_arms(y)).is_resolved
    # And the other way round.
    x, y = (np.exp(generator.normal(size=(N_ARMS, 1))) * x for _ in range(2))
    y = np.exp(3 * generator.normal(size=(N_ARMS, 1))) * x
    assert correlation(without_arms(x), without_arms(y)).rho == pytest.approx(1)


def test_arms_of_one_model_say_nothing_within_them():
    x = np.full((2, 3), np.nan)
    x[0], x[1, 1] = [1.0, 2.0, 4.0], 5.0
    found = without_arms(x)
    assert np.isnan(found[1]).all()
    assert found[0] == pytest.approx(np.log([0.5, 1.0, 2.0]))
