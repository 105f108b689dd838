"""tlbench: a benchmark of transfer learning of interatomic potentials across elements."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tlbench.potential import Potential, load_potential
    from tlbench.records import Record, read_records
    from tlbench.registry import Registry
    from tlbench.run import run_suite
    from tlbench.suite import Suite, load_suite
    from tlbench.trained_models import TrainedModel, list_models

_WHERE = {
    "Potential": "tlbench.potential",
    "Record": "tlbench.records",
    "Registry": "tlbench.registry",
    "Suite": "tlbench.suite",
    "TrainedModel": "tlbench.trained_models",
    "list_models": "tlbench.trained_models",
    "load_potential": "tlbench.potential",
    "load_suite": "tlbench.suite",
    "read_records": "tlbench.records",
    "run_suite": "tlbench.run",
}

__all__ = [
    "Potential",
    "Record",
    "Registry",
    "Suite",
    "TrainedModel",
    "list_models",
    "load_potential",
    "load_suite",
    "read_records",
    "run_suite",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that importing tlbench stays quick."""
    if name not in _WHERE:
        raise AttributeError(f"module 'tlbench' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_WHERE[name]), name)
