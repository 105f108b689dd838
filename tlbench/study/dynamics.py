"""The jobs that put a model through molecular dynamics."""

from dataclasses import replace

import numpy as np
from ase.data import atomic_numbers

from tlbench.data.cards import Card
from tlbench.jobs.compare import Config as CompareConfig
from tlbench.jobs.reference import Config as ReferenceConfig
from tlbench.jobs.simulate import Config as SimulateConfig
from tlbench.study.plan import Cell, Plan
from tlbench.study.sources import registered_backbone


def simulate(result: Plan, measured: Cell, target: Card, data: str) -> None:
    """Plan the simulations of a model that is measured, and their comparison with a reference."""
    suite = result.suite
    if suite.dynamics is None:
        return
    trained = result.jobs[measured.trained]
    element, label = target.formula, trained.label
    protocol = suite.dynamics.protocol()
    protocol.check(np.array([atomic_numbers[symbol] for symbol in target.elements]))
    at = f"{suite.dynamics.temperature_k:g} K"
    start = target.origin.start(suite.dynamics.temperature_k)
    of_frames = start["kind"] == "frames"
    needs_data = of_frames or suite.dynamics.start in ("nearest", "any")
    reference = result.keys.job(
        ReferenceConfig(
            protocol=protocol,
            element=element,
            start=start,
            start_structure=suite.dynamics.start,
        ),
        {"data": data} if needs_data else {},
        f"reference dynamics of {element} at {at}",
        named=[] if of_frames else [f"origin {start['kind']}"],
    )
    result.reference = result.add(reference)
    simulation = result.keys.job(
        SimulateConfig(protocol=protocol),
        {"model": measured.trained, "reference": reference.key},
        f"simulate {label} at {at}",
        named=[f"backbone {registered_backbone(measured.model.backbone)}"],
        environment=trained.environment,
    )
    result.add(simulation)
    comparison = result.keys.job(
        CompareConfig(temperature_k=suite.dynamics.temperature_k, metrics=suite.simulation_metrics),
        {"simulation": simulation.key, "reference": reference.key},
        f"compare {label}",
        named=[f"metric {name}" for name in suite.simulation_metrics],
    )
    cell = replace(measured, job=result.add(comparison))
    result.cells.append(cell)
    result.simulated.append(cell)
