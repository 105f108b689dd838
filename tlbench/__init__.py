"""tlbench: a benchmark of transfer learning of interatomic potentials across elements.

What is listed in ``__all__`` is public; it is imported when it is first used.
"""

# Not the constant of `typing`, whose import would be all that importing tlbench costs.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tlbench.backbones import BACKBONES
    from tlbench.data.cards import Card, load_card
    from tlbench.data.readers import READERS
    from tlbench.engine.resources import Resources
    from tlbench.errors import (
        DamagedJobError,
        InputError,
        StoreError,
        TlbenchError,
        UnknownNameError,
    )
    from tlbench.metrics import METRICS
    from tlbench.potential import Potential, load_potential
    from tlbench.records import Record, read_records
    from tlbench.registry import Registry
    from tlbench.results import Results
    from tlbench.run import Run, run_suite
    from tlbench.suite import Suite, load_suite
    from tlbench.trained_models import TrainedModel, list_models
    from tlbench.transfer import STRATEGIES

_WHERE = {
    "BACKBONES": "backbones",
    "Card": "data.cards",
    "DamagedJobError": "errors",
    "InputError": "errors",
    "METRICS": "metrics",
    "Potential": "potential",
    "READERS": "data.readers",
    "Record": "records",
    "Registry": "registry",
    "Resources": "engine.resources",
    "Results": "results",
    "Run": "run",
    "STRATEGIES": "transfer",
    "StoreError": "errors",
    "Suite": "suite",
    "TlbenchError": "errors",
    "TrainedModel": "trained_models",
    "UnknownNameError": "errors",
    "list_models": "trained_models",
    "load_card": "data.cards",
    "load_potential": "potential",
    "load_suite": "suite",
    "read_records": "records",
    "run_suite": "run",
}

__all__ = [
    "BACKBONES",
    "METRICS",
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
