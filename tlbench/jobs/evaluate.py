"""Job: measure one model on one part of a data set, overall and under each condition."""

import math
from typing import ClassVar

import numpy as np

from tlbench.base.formats import later
from tlbench.data.marks import Marked, marked_frames
from tlbench.jobs import kind
from tlbench.jobs.amount import Amount, Facts
from tlbench.jobs.context import WEIGHTS, Context, Progress
from tlbench.jobs.kind import Kind, Layout, Measurement
from tlbench.metrics import METRICS
from tlbench.metrics.conditions import Weights, conditions_of
from tlbench.metrics.spec import Errors

ERRORS = "errors.npz"
ERRORS_LAYOUT: Layout = {"energy": ("f", 1), "forces": ("f", 2), "n_atoms": ("i", 1)}


class Config(kind.Config):
    """Which part is measured on, by which metrics.

    ``by`` has combinations of frame properties to break the metrics down by; structures of which
    one is unknown count in none. ``weights`` of the model are measured: those of the last
    update, or those of the lowest validation error. Structures that have ``marks`` are left out of
    every number that does not name them; see `Card.marked`.
    """

    kind: ClassVar = "evaluate"

    split: str
    metrics: list[str]
    by: list[list[str]]
    weights: Weights = later("last")
    marks: Marked = later({})


class Result(kind.Result):
    """Errors of a model on test structures.

    A metric that is not defined, such as the energy error of a model without a reference energy, is
    left out.
    """

    metrics: list[Measurement]


def run(config: Config, context: Context) -> Result:
    """Write ``errors.npz`` (prediction minus label) and return the metrics."""
    from tlbench.models.potential import load_potential
    from tlbench.training.labels import LabelledSet

    path = context.parents["model"] / WEIGHTS[config.weights]
    potential = load_potential(path, context.device)
    frames = context.frames("data", config.split)
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
        phase=frames.phase,
    )
    np.savez(
        context.folder / ERRORS,
        energy=errors.energy,
        forces=errors.forces.astype(np.float32),
        n_atoms=errors.n_atoms,
    )
    marks = marked_frames(config.marks, frames.group)
    conditions = conditions_of(frames, config.by, marks, config.weights)
    metrics = []
    for name in config.metrics:
        for condition, members in conditions:
            some = errors.where(np.isin(np.arange(len(frames)), members))
            value = METRICS.get(name).function(some)
            if math.isfinite(value):
                metrics.append({"metric": name, "condition": condition, "value": value})
    return Result.of(metrics=metrics)


def amount(config: Config, facts: Facts) -> Amount | None:
    """Return the number of atoms that are measured on."""
    model, data = facts.configs.get("model"), facts.sizes.get("data")
    if model is None or data is None:
        return None
    return Amount(data.atoms_in(config.split), model.rate)


KIND = Kind(Config, Result, run, amount, outputs=(ERRORS,), uses_device=True)
