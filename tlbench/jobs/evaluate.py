"""Job: measure one model on one part of a data set, overall and under each condition."""

import math
from typing import Any

import numpy as np

from tlbench.data.frames import Frames
from tlbench.jobs.context import ERRORS, MODEL, Context, Progress
from tlbench.metrics import METRICS
from tlbench.metrics.conditions import Condition, conditions_of, where
from tlbench.metrics.spec import Errors
from tlbench.potential import load_potential
from tlbench.training.labels import LabelledSet


def run(config: dict[str, Any], context: Context) -> dict[str, Any]:
    """Write ``errors.npz`` (prediction minus label) and return the metrics.

    ``config`` has: split, metrics, and by (combinations of frame properties to break the
    metrics down by; structures of which one is unknown count in none). A metric that is not
    defined, such as the energy error of a model without a reference energy, is left out.
    """
    potential = load_potential(context.parents["model"] / MODEL, context.device)
    frames = Frames.load(context.parents["data"] / f"{config['split']}.npz")
    data = LabelledSet(frames, potential.cutoff, potential.device, potential.dtype)
    energy, forces = [], []
    batches = data.batches()
    for number, indices in enumerate(batches):
        found = potential(data.batch(indices).graph)
        energy.append(found.energy.cpu().numpy())
        forces.append(found.forces.double().cpu().numpy())
        context.report(Progress(number + 1, len(batches)))
    errors = Errors(
        energy=np.concatenate(energy) - frames.energy,
        forces=np.concatenate(forces) - frames.forces,
        n_atoms=frames.n_atoms,
    )
    np.savez(
        context.folder / ERRORS,
        energy=errors.energy,
        forces=errors.forces.astype(np.float32),
        n_atoms=errors.n_atoms,
    )
    conditions: list[Condition] = [{}]
    for names in config["by"]:
        conditions += conditions_of(frames, names)
    metrics = []
    for name in config["metrics"]:
        for condition in conditions:
            value = METRICS.get(name).function(errors.where(where(frames, condition)))
            if math.isfinite(value):
                metrics.append({"metric": name, "condition": condition, "value": value})
    return {"metrics": metrics}
