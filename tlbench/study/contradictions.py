"""What is wrong with several keys of a suite together."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tlbench.study.budgets import contradictions
from tlbench.study.places import contradictions_of_tuning
from tlbench.study.simulations import contradictions_of_dynamics, contradictions_of_models
from tlbench.study.sources import contradictions_of_sources, is_architecture
from tlbench.transfer import arm

if TYPE_CHECKING:
    from tlbench.study.suite import Suite

MOST_MODELS = 200_000
"""Models of a suite: more would take minutes and gigabytes to lay out."""


def contradictions_between_keys(suite: "Suite") -> Iterator[str]:
    """Yield what is wrong with several keys together."""
    for name in ("source", "target"):
        given = suite.sources if name == "source" and suite.sources else getattr(suite, name)
        if suite.matrix is None and given is None:
            yield f"the key {name!r} is missing"
    yield from contradictions_of_sources(suite)
    for name in ("source", "sources", "target", "source_parts"):
        if suite.matrix is not None and getattr(suite, name) is not None:
            yield (
                f"a suite has either a matrix of elements or {name!r}; "
                "the elements are those of 'matrix.elements'"
            )
    if suite.matrix is not None and suite.elements is not None:
        yield "a suite has either a matrix or 'elements': each end of a pair has one element"
    if suite.pairing == "zip" and len(suite.subset_seeds) != len(suite.init_seeds):
        yield (
            f"pairing: zip needs as many init seeds as subset seeds, but there are "
            f"{len(suite.init_seeds)} and {len(suite.subset_seeds)}"
        )
    if suite.n_models() > MOST_MODELS:
        yield (
            f"the suite has {suite.n_models():,} models, but at most {MOST_MODELS:,} can be "
            "planned; choose fewer sizes or seeds, or split it into several suites"
        )
    yield from _of_budgets(suite)
    yield from contradictions_of_dynamics(suite)
    yield from contradictions_of_models("dynamics", suite.dynamics, suite)
    yield from contradictions_of_models("properties", suite.properties, suite)
    for name in suite.metrics:
        if suite.dynamics is None and name not in suite.error_metrics:
            yield f"metrics: {name} is of simulations; add 'dynamics' to the suite"
    yield from contradictions_of_tuning(suite)
    for name, config in suite.backbones.items():
        if "cutoff" in config and not is_architecture(name):
            yield f"the cutoff of backbone {name!r} is the suite's; set 'cutoff' at the top"


def _of_budgets(suite: "Suite") -> Iterator[str]:
    yield from contradictions(
        suite.budgets, suite.training, suite.pretraining_budgets, suite.pretraining
    )
    arms = [arm(name) for name in suite.strategies]
    for each in arms:
        if each.compute_matched and not any(a.needs_source and a.trains for a in arms):
            yield (
                f"strategies: {each.name} trains for as many updates as pretraining and "
                "fine-tuning together, but no arm of the suite is pretrained and fine-tuned; "
                "add one, as finetune"
            )
