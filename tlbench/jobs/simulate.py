"""Job: put one model through dynamics."""

from typing import Any

import numpy as np

from tlbench.data.frames import Frames
from tlbench.jobs.context import EXPECTED, MODEL, OUTCOME, START, Context, Progress
from tlbench.jobs.reference import load_expected
from tlbench.md.forces import ForceField
from tlbench.md.protocol import Protocol
from tlbench.md.simulation import CHECKPOINT, Simulation
from tlbench.potential import load_potential


def run(config: dict[str, Any], context: Context) -> dict[str, Any]:
    """Write ``outcome.npz``; return survival and criteria of the replicas.

    ``config`` has: protocol. Replicas of the same number start from the same structure and have
    the same velocities and random forces, whatever the model.
    """
    protocol = Protocol.model_validate(config["protocol"])
    potential = load_potential(context.parents["model"] / MODEL, context.device)
    reference = context.parents["reference"]
    simulation = Simulation(
        Frames.load(reference / START),
        ForceField.of(potential),
        protocol,
        load_expected(reference / EXPECTED),
    )
    found = simulation.run(
        context.folder, lambda done, total, alive: context.report(Progress(done, total))
    )
    counts = {f"counts.{name}": value for name, value in vars(found.counts).items()}
    arrays = {
        name: getattr(found, name)
        for name in ("steps", "energy_low", "energy_high", "temperature", "msd")
    }
    criterion = np.array(found.criterion, dtype=np.str_)
    np.savez(context.folder / OUTCOME, criterion=criterion, **counts, **arrays)
    (context.folder / CHECKPOINT).unlink(missing_ok=True)
    return {
        "survival_ps": [round(1e-3 * protocol.timestep_fs * int(n), 6) for n in found.steps],
        "criterion": found.criterion,
        "temperature_k": found.temperature.round(3).tolist(),
    }
