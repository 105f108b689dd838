"""Which errors of properties follow the force error, and negative transfer of properties."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from made_up_properties import analysis, elastic

from tlbench.report.properties.contradictions import comparisons, contradiction_findings
from tlbench.report.properties.following import following, following_findings, following_table
from tlbench.report.properties.values import shown_values

ARMS = [*product(("scratch", "finetune"), (1, 5, 10, 40)), ("zero-shot", 0)]


def grid(error, n_pairs=5):
    """Return models of all arms with ``error(force, seed)`` of C11, and the force errors."""
    generator = np.random.default_rng(0)
    found, forces = [], []
    for number, (strategy, size) in enumerate(ARMS):
        for seed in range(n_pairs):
            forces.append(float(20 * (number + 1) * np.exp(0.05 * generator.normal())))
            found.append(elastic(140.0 + error(forces[-1], seed), strategy, seed, size))
    return found, forces


def of(found, forces):
    made = analysis(found, forces)
    return made, shown_values("elastic", found)


def test_an_error_that_rises_with_the_force_error_follows_it():
    made = following(*of(*grid(lambda force, seed: force / 10)))
    (each,) = made
    assert each.overall.rho == pytest.approx(1)
    assert each.p < 0.05
    assert each.within.rho == pytest.approx(1)
    # Zero-shot models are not of one more pair.
    assert (each.overall.n_arms, each.overall.n_pairs) == (9, 5)
    first, second = following_findings(made, False)
    assert (
        "follow the force error beyond chance, allowing for 1 value: elastic C11 (+1.00)" in first
    )
    assert "these errors go with the force error: elastic C11 (+1.00)" in second
    (head, line) = following_table(made, False)
    assert line[head.index("all models")].startswith("+1.00*")


def test_an_error_of_chance_is_not_said_to_follow():
    generator = np.random.default_rng(1)
    found = following(*of(*grid(lambda force, seed: float(np.exp(generator.normal())))))
    assert found[0].p > 0.05
    first, second = following_findings(found, False)
    assert "these errors cannot be said to follow the force error: elastic C11" in first
    assert "no error of a property can be said to go with the force error" in second


def test_an_interval_without_zero_is_no_claim_where_many_values_are_compared():
    (found,) = following(*of(*grid(lambda force, seed: force / 10)))
    several = [replace(found, p=0.03), replace(found, p=0.2)]
    follow, alone, _ = following_findings(several, False)
    assert "follow the force error beyond chance, allowing for 2 values" in follow
    assert "leaves out 0 for these, but not beyond chance, allowing for 2 values" in alone


def test_an_error_that_falls_is_said_to_fall():
    found = following(*of(*grid(lambda force, seed: 1000 / force)))
    assert (
        "where the force error is lower, beyond chance, allowing for 1 value: elastic C11 (-1.00)"
        in next(following_findings(found, False))
    )


def test_exact_values_count_as_the_lowest_errors():
    found, forces = grid(lambda force, seed: 0.0 if force < 60 else force)
    (each,) = following(*of(found, forces))
    assert each.overall.n_models == 45


@pytest.mark.parametrize("init_seeds", [[None], [0, 1, 2, 3, 4]], ids=["once", "per seed"])
def test_a_published_potential_as_it_is_is_one_model(init_seeds):
    """Earlier versions measured it once for each init seed, and found the same."""
    found, forces = grid(lambda force, seed: force / 10)
    places = [
        (model, force)
        for model, force in zip(found, forces, strict=True)
        if model.model.strategy != "zero-shot"
    ]
    published = elastic(1.0, "zero-shot", None, 0)
    for seed in init_seeds:
        changes = {"model": published.model.replace(init_seed=seed), "job": f"zero-shot{seed}"}
        places.append((published.model_copy(update=changes), 500.0))
    (each,) = following(*of(*map(list, zip(*places, strict=True))))
    assert (each.overall.n_models, each.overall.n_arms, each.overall.n_pairs) == (41, 9, 5)
    assert each.overall.rho == pytest.approx(1)


def test_few_pairs_conclude_nothing():
    found = following(*of(*grid(lambda force, seed: force / 10, n_pairs=4)))
    assert [*following_findings(found, False)] == [
        "Whether errors of properties follow the force error is not concluded from 9 arms and 4 "
        "pairs."
    ]


def two_arms(n_pairs, c11_errors, forces=(100.0, 50.0)):
    """Return an arm from scratch and a transferred one; errors of C11 are scattered by 10 %."""
    generator = np.random.default_rng(2)
    found, measured = [], []
    arms = zip(("scratch", "finetune"), c11_errors, forces, strict=True)
    for (strategy, error, force), seed in product(arms, range(n_pairs)):
        found.append(
            elastic(140.0 - error * float(np.exp(0.1 * generator.normal())), strategy, seed)
        )
        measured.append(force * float(np.exp(0.1 * generator.normal())))
    return of(found, measured)


def test_negative_transfer_of_a_property_is_claimed_from_five_pairs_on():
    (found,) = comparisons(*two_arms(5, (5.0, 20.0)))
    assert found.is_beyond_chance
    (said,) = contradiction_findings([found], False)
    assert said.startswith(
        "Lower force error, larger errors of properties: b, finetune, N = 10 has 0.49 ["
    )
    assert "beyond chance for elastic C11" in said
    (found,) = comparisons(*two_arms(4, (5.0, 20.0)))
    assert found.is_contradiction
    assert not found.is_beyond_chance
    assert comparisons(*two_arms(2, (5.0, 20.0))) == []


@pytest.mark.parametrize(
    ("c11", "forces"), [((20.0, 5.0), (100.0, 50.0)), ((5.0, 20.0), (50.0, 100.0))]
)
def test_both_errors_lower_or_the_force_error_larger_is_no_contradiction(c11, forces):
    (found,) = comparisons(*two_arms(5, c11, forces))
    assert not found.is_contradiction
    assert "No value that can be compared" in next(contradiction_findings([found], False))


def test_both_statements_have_to_be_beyond_chance():
    (found,) = comparisons(*two_arms(5, (5.0, 20.0), (100.0, 99.0)))
    assert found.p > 0.05


def test_values_with_errors_of_zero_are_not_compared():
    arms = [*product(("scratch", "finetune"), range(5))]
    found = [elastic(140.0 if seed == 0 else 120.0, strategy, seed) for strategy, seed in arms]
    assert comparisons(*of(found, [100.0] * 10)) == []
