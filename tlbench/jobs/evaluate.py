"""Job: measure one model on one part of a data set, overall and under each condition."""

import math
from typing import Any

import numpy as np

from tlbench.data.frames import Frames
from tlbench.jobs.base import Context, Progress
from tlbench.jobs.train import MODEL
from tlbench.metrics import METRICS
from tlbench.metrics.spec import Errors
from tlbench.potential import load_potential
from tlbench.training.labels import LabelledSet

Condition = dict[str, float | str]
"""Frame property → the value that the structures have."""


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
        context.folder / "errors.npz",
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
            value = METRICS.get(name).function(errors.where(_mask(frames, condition)))
            if math.isfinite(value):
                metrics.append({"metric": name, "condition": condition, "value": value})
    return {"metrics": metrics}


def conditions_of(frames: Frames, names: list[str]) -> list[Condition]:
    """Return every combination of the properties ``names`` that occurs, sorted.

    A property that is unknown of all structures is left out of the combinations.
    """
    names = [name for name in names if any(v == v and v != "" for v in getattr(frames, name))]
    if not names:
        return []
    rows = zip(*[getattr(frames, name).tolist() for name in names], strict=True)
    known = {row for row in rows if all(value == value and value != "" for value in row)}
    return [dict(zip(names, row, strict=True)) for row in sorted(known)]


def _mask(frames: Frames, condition: Condition) -> Any:
    mask = np.ones(len(frames), dtype=bool)
    for name, value in condition.items():
        mask &= getattr(frames, name) == value
    return mask
