"""From which packages, other than tlbench, the parts of a suite come."""

from collections.abc import Iterable

from tlbench.jobs.sources import REGISTRIES
from tlbench.jobs.train import Config
from tlbench.study.study import Study
from tlbench.transfer import base_of

Providers = dict[str, dict[str, str]]
"""Kind, as ``strategy`` → name → package and version."""


def names_of(study: Study) -> dict[str, list[str]]:
    """Return the names that a study uses, by kind."""
    suite, origins = study.suite, [card.origin for card in study.cards]
    return {
        "backbone": list(suite.backbones),
        "strategy": [base_of(name) for name in suite.strategies],
        "metric": suite.metrics,
        "origin": [origin.kind for origin in origins],
        "reader": [name for origin in origins for name in origin.readers()],
    }


def is_own(kind: str, name: str) -> bool:
    """Return whether something is part of tlbench itself."""
    registry = REGISTRIES[kind]
    return name in registry and registry.provider(name) is None


def providers_of(study: Study, trained: Iterable[Config]) -> Providers:
    """Return what of a study comes from other packages; kinds without any are left out.

    Parameters
    ----------
    trained
        Settings of the training jobs of the run. They hold the versions of backbones and
        strategies that were used, which need not be those that are installed now.
    """
    found = {
        kind: {name: REGISTRIES[kind].provider(name) for name in names}
        for kind, names in names_of(study).items()
    }
    for config in trained:
        backbone, strategy = config.providers
        found["backbone"][config.backbone.name] = backbone
        found["strategy"][base_of(config.strategy)] = strategy
    named = {kind: {n: p for n, p in names.items() if p} for kind, names in found.items()}
    return {kind: names for kind, names in named.items() if names}
