"""Job: measure one model on one part of a data set, overall and under each condition."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from tlbench.base.formats import later
from tlbench.data.frames import Frames
from tlbench.data.marks import Marked, marked_frames
from tlbench.jobs import kind
from tlbench.jobs.amount import Amount, Facts
from tlbench.jobs.context import WEIGHTS, Context, Progress
from tlbench.jobs.kind import Kind, Layout, Measurement
from tlbench.metrics import METRICS
from tlbench.metrics.conditions import ELEMENT, Weights, conditions_of
from tlbench.metrics.spec import Errors

if TYPE_CHECKING:
    from torch import Tensor

    from tlbench.models.potential import Potential

ERRORS = "errors.npz"
ERRORS_LAYOUT: Layout = {"energy": ("f", 1), "forces": ("f", 2), "n_atoms": ("i", 1)}
"""What every file of errors has; see `Config.layout`."""


class Config(kind.Config):
    """Which part is measured on, by which metrics.

    ``by`` has combinations of frame properties to break the metrics down by; structures of which
    one is unknown count in none. With "element" among them, metrics over atoms are broken down by
    the element of the atom. ``weights`` of the model are measured: those of the last
    update, or those of the lowest validation error. Structures that have ``marks`` are left out of
    every number that does not name them; see `Card.marked`.
    """

    kind: ClassVar = "evaluate"

    split: str
    metrics: list[str]
    by: list[list[str]]
    weights: Weights = later("last")
    marks: Marked = later({})

    @property
    def has_stress(self) -> bool:
        """Whether errors of the stress are measured."""
        return any(name in METRICS and METRICS.get(name).of_stress for name in self.metrics)

    @property
    def has_elements(self) -> bool:
        """Whether errors are distinguished by element."""
        return any(ELEMENT in names for names in self.by)

    def layout(self) -> Layout:
        """Return the arrays of ``errors.npz``: those of `Errors` that the settings ask for."""
        found = dict(ERRORS_LAYOUT)
        if self.has_stress:
            found["stress"] = "f", 3
        if self.has_elements:
            found["elements"] = "U", 1
        return found


class Result(kind.Result):
    """Errors of a model on test structures.

    A metric that is not defined, such as the energy error of a model without a reference energy, is
    left out.
    """

    metrics: list[Measurement]


def run(config: Config, context: Context) -> Result:
    """Write ``errors.npz`` (prediction minus label) and return the metrics."""
    from tlbench.models.potential import load_potential

    path = context.parents["model"] / WEIGHTS[config.weights]
    potential = load_potential(path, context.device)
    frames = context.frames("data", config.split)
    errors = errors_of(potential, frames, config, context)
    arrays = {name: getattr(errors, name) for name in config.layout()}
    np.savez(context.folder / ERRORS, **arrays | {"forces": errors.forces.astype(np.float32)})
    marks = marked_frames(config.marks, frames.group)
    conditions = conditions_of(frames, config.by, marks, config.weights)
    metrics = []
    for name in config.metrics:
        for condition, members in conditions:
            if not METRICS.get(name).is_under(condition):
                continue
            some = errors.where(np.isin(np.arange(len(frames)), members))
            if ELEMENT in condition:
                some = some.of_element(str(condition[ELEMENT]))
            value = METRICS.get(name).function(some)
            if math.isfinite(value):
                metrics.append({"metric": name, "condition": condition, "value": value})
    return Result.of(metrics=metrics)


def errors_of(potential: "Potential", frames: Frames, config: Config, context: Context) -> Errors:
    """Return prediction minus label, with what the metrics and conditions of ``config`` need.

    The stress is computed of the structures that have one: of others, which need not be periodic,
    it may not be defined.
    """
    from ase.data import chemical_symbols

    from tlbench.training.labels import LabelledSet

    data = LabelledSet(frames, potential.cutoff, potential.device, potential.dtype)
    energy, forces = np.empty_like(frames.energy), np.empty_like(frames.forces)
    stress = np.full_like(frames.stress, np.nan)
    labelled = np.isfinite(frames.stress).all(axis=(1, 2)) & frames.pbc.all(axis=1)
    stressed = np.asarray(labelled & np.bool_(config.has_stress))
    batches = data.batches()
    for number, batch in enumerate(batches):
        for indices, with_stress in _parts(batch, stressed):
            rows, at = data.graphs.rows(indices), indices.numpy()
            found = potential(data.graphs.cut(rows), stress=with_stress)
            energy[at] = found.energy.cpu().numpy()
            forces[rows.atoms.cpu().numpy()] = found.forces.double().cpu().numpy()
            if found.stress is not None:
                stress[at] = found.stress.double().cpu().numpy()
        context.report(Progress(number + 1, len(batches)))
    symbols = np.array(chemical_symbols)
    return Errors(
        energy=energy - frames.energy,
        forces=forces - frames.forces,
        n_atoms=frames.n_atoms,
        phase=frames.phase,
        stress=stress - frames.stress if config.has_stress else None,
        elements=symbols[frames.atomic_numbers] if config.has_elements else None,
    )


def _parts(batch: "Tensor", stressed: npt.NDArray[np.bool_]) -> Iterator[tuple["Tensor", bool]]:
    """Yield the structures of a batch with and without a stress, each part if there is one."""
    has = stressed[batch.numpy()]
    for with_stress in (True, False):
        part = batch[has == with_stress]
        if len(part):
            yield part, with_stress


def amount(config: Config, facts: Facts) -> Amount | None:
    """Return the number of atoms that are measured on."""
    model, data = facts.configs.get("model"), facts.sizes.get("data")
    if model is None or data is None:
        return None
    return Amount(data.atoms_in(config.split), model.rate)


KIND = Kind(Config, Result, run, amount, outputs=(ERRORS,), uses_device=True)
