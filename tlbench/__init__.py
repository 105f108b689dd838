"""tlbench: a benchmark of transfer learning of interatomic potentials across elements.

What is listed in ``__all__`` is public; it is imported when it is first used.
"""

# Not the constant of `typing`, whose import would be all that importing tlbench costs.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tlbench.base.errors import (
        DamagedJobError,
        InputError,
        StoreError,
        TlbenchError,
        UnknownNameError,
    )
    from tlbench.base.registry import Registry
    from tlbench.data.cards import Card, load_card
    from tlbench.data.readers import READERS
    from tlbench.engine.run.runner import Resources
    from tlbench.metrics import METRICS
    from tlbench.models.backbones import BACKBONES
    from tlbench.models.potential import Potential, load_potential
    from tlbench.results.records import Record, read_records
    from tlbench.results.results import Results
    from tlbench.results.tables import load_results
    from tlbench.results.trained_models import TrainedModel, list_models
    from tlbench.run import Run, run_suite
    from tlbench.study.loading import load_suite
    from tlbench.study.suite import Suite
    from tlbench.transfer import STRATEGIES
    from tlbench.transfer.potentials import POTENTIALS

_WHERE = {
    "BACKBONES": "models.backbones",
    "Card": "data.cards",
    "DamagedJobError": "base.errors",
    "InputError": "base.errors",
    "METRICS": "metrics",
    "POTENTIALS": "transfer.potentials",
    "Potential": "models.potential",
    "READERS": "data.readers",
    "Record": "results.records",
    "Registry": "base.registry",
    "Resources": "engine.run.runner",
    "Results": "results.results",
    "Run": "run",
    "STRATEGIES": "transfer",
    "StoreError": "base.errors",
    "Suite": "study.suite",
    "TlbenchError": "base.errors",
    "TrainedModel": "results.trained_models",
    "UnknownNameError": "base.errors",
    "list_models": "results.trained_models",
    "load_card": "data.cards",
    "load_potential": "models.potential",
    "load_results": "results.tables",
    "load_suite": "study.loading",
    "read_records": "results.records",
    "run_suite": "run",
}

__all__ = [
    "BACKBONES",
    "METRICS",
    "POTENTIALS",
    "READERS",
    "STRATEGIES",
    "Card",
    "DamagedJobError",
    "InputError",
    "Potential",
    "Record",
    "Registry",
    "Resources",
    "Results",
    "Run",
    "StoreError",
    "Suite",
    "TlbenchError",
    "TrainedModel",
    "UnknownNameError",
    "list_models",
    "load_card",
    "load_potential",
    "load_results",
    "load_suite",
    "read_records",
    "run_suite",
]


def __getattr__(name: str) -> "Any":
    """Import a public name when it is first used, so that importing tlbench stays quick."""
    if name not in _WHERE:
        raise AttributeError(f"module 'tlbench' has no attribute {name!r}")
    from importlib import import_module

    found = globals()[name] = getattr(import_module(f"tlbench.{_WHERE[name]}"), name)
    return found


def __dir__() -> list[str]:
    return __all__
