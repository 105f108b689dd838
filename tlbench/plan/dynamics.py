"""The jobs that put a model through molecular dynamics."""

from dataclasses import replace
from typing import Any

import numpy as np
from ase.data import atomic_numbers

from tlbench.data.cards import Card
from tlbench.data.origins import StillingerWeberOrigin
from tlbench.plan.base import Cell, Plan
from tlbench.suite import Simulations, Suite


def is_simulated(suite: Suite, size: int) -> bool:
    """Return whether models of a size are simulated; those without target data always are."""
    if suite.dynamics is None:
        return False
    return size == 0 or size in (suite.dynamics.sizes or suite.sizes)


def simulate(result: Plan, measured: Cell, target: Card, data: str) -> None:
    """Plan the simulations of a model that is measured, and their comparison with a reference."""
    suite = result.suite
    if suite.dynamics is None:
        return
    trained = result.jobs[measured.trained]
    element, label = target.elements[0], trained.label
    suite.dynamics.protocol().check(np.array([atomic_numbers[element]]))
    protocol = suite.dynamics.protocol().model_dump(mode="json")
    at = f"{suite.dynamics.temperature_k:g} K"
    reference = result.keys.job(
        "reference",
        {"protocol": protocol, "element": element, "start": _start_of(suite.dynamics, target)},
        {"data": data} if target.data_files() else {},
        f"reference dynamics of {element} at {at}",
    )
    result.reference = result.add(reference)
    simulation = result.keys.job(
        "simulate",
        {"protocol": protocol},
        {"model": measured.trained, "reference": reference.key},
        f"simulate {label} at {at}",
        named=[f"backbone {measured.model.backbone}"],
        environment=trained.environment,
    )
    result.add(simulation)
    comparison = result.keys.job(
        "compare",
        {"temperature_k": suite.dynamics.temperature_k, "metrics": suite.simulation_metrics},
        {"simulation": simulation.key, "reference": reference.key},
        f"compare {label}",
        named=[f"metric {name}" for name in suite.simulation_metrics],
    )
    cell = replace(measured, job=result.add(comparison))
    result.cells.append(cell)
    result.simulated.append(cell)


def _start_of(dynamics: Simulations, card: Card) -> dict[str, Any]:
    """Return what simulations start from; see ``jobs/reference.py``."""
    origin = card.origin
    if not isinstance(origin, StillingerWeberOrigin):
        return {"kind": "frames"}
    return {
        "kind": "stillinger-weber",
        "lattice_constant": origin.lattice_constant,
        "repeats": list(origin.repeats),
        "crystal": not origin.starts_liquid(dynamics.temperature_k),
    }
