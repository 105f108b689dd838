"""Whether training had converged, from learners whose asymptote is known."""

import math

import pytest

from tlbench.metrics.statistics import CONVERGED, RULE, convergence

PAIRS = [(seed, seed) for seed in range(5)]


def learner(asymptote, excess, rate, scatter=0.0):
    """Return the errors asymptote + excess · exp(-rate · updates) of some pairs by budget."""
    return {
        budget: {
            pair: (asymptote + excess * math.exp(-rate * budget))
            * math.exp(scatter * (pair[0] - 2) * (1 if budget == 6400 else -1))
            for pair in PAIRS
        }
        for budget in (6400, 400, 1600)
    }


def test_the_two_largest_budgets_are_compared():
    found = convergence(learner(50, 100, 1 / 1600))
    assert found.budgets == (1600, 6400)
    expected = (50 + 100 * math.exp(-4)) / (50 + 100 * math.exp(-1))
    assert found.ratio.value == pytest.approx(expected)
    assert (found.is_converged, found.state) == (False, "not converged")


def test_a_learner_at_its_asymptote_has_converged():
    found = convergence(learner(50, 100, 1 / 200))
    assert (found.is_converged, found.state) == (True, "converged")


def test_a_learner_that_gets_worse_has_converged_and_is_named():
    assert convergence(learner(50, -20, 1 / 1600)).state == "worse"
    # Worse on average, but not distinguished: so far scattered that it may as well fall.
    scattered = convergence(learner(50, -2, 1 / 1600, scatter=0.2))
    assert scattered.ratio.value > 1
    assert scattered.state == "unresolved"


@pytest.mark.parametrize(("factor", "converged"), [(0.971, True), (0.969, False), (1.5, True)])
def test_the_limit_is_the_one_that_the_rule_prints(factor, converged):
    found = convergence({400: dict.fromkeys(PAIRS, 1.0), 800: dict.fromkeys(PAIRS, factor)})
    assert found.is_converged == converged
    assert CONVERGED == 0.03
    assert "falls by less than 3 % or rises" in RULE


def test_only_pairs_of_both_budgets_count():
    errors = {400: {(0, 0): 1.0, (1, 0): 1e9}, 800: {(0, 0): 0.5, (2, 0): 1e-9}}
    found = convergence(errors)
    assert (found.ratio.value, found.ratio.n_pairs) == (0.5, 1)


@pytest.mark.parametrize(
    "errors", [{}, {400: {(0, 0): 1.0}}, {400: {(0, 0): 1.0}, 800: {(1, 0): 1.0}}]
)
def test_without_two_budgets_it_is_not_known(errors):
    assert convergence(errors) is None
