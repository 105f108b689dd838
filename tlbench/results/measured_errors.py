"""Errors on every test structure, from the jobs that measured them."""

import io
from collections.abc import Iterable

import numpy as np

from tlbench.base.magnitudes import LARGEST, SMALLEST
from tlbench.base.schema import validate
from tlbench.data.frames import Frames
from tlbench.data.marks import Marked, marked_frames
from tlbench.engine.store.arrays import read_arrays
from tlbench.engine.store.store import Store
from tlbench.jobs.context import data_file
from tlbench.jobs.evaluate import ERRORS, ERRORS_LAYOUT
from tlbench.jobs.evaluate import Config as EvaluateConfig
from tlbench.metrics.conditions import Weights
from tlbench.metrics.spec import Errors, FrameErrors
from tlbench.results.frame_errors import ModelErrors, TestSet, rounded
from tlbench.study.plan import Plan, dataset_job


def collect_errors(
    plan: Plan, store: Store, finished: Iterable[str]
) -> tuple[list[ModelErrors], list[TestSet]]:
    """Return the errors of every model whose job is in ``finished``, and what they are on.

    Models that have diverged, to errors beyond `LARGEST`, are left out.
    """
    available = set(finished)
    errors: dict[str, ModelErrors] = {}
    tests: dict[str, TestSet] = {}
    formulas = {dataset_job(card, plan.keys).key: card.formula for card in plan.study.cards}
    for cell in plan.cells:
        job = plan.jobs[cell.job]
        settings, data = job.settings, job.parents.get("data")
        if cell.job not in available or not isinstance(settings, EvaluateConfig) or data is None:
            continue
        if cell.job in errors:
            continue
        found = read_errors(store, cell.job)
        if is_storable(found):
            errors[cell.job] = errors_of(found, cell.job, data, settings.weights)
            if data not in tests:
                frames = read_frames(store, data, settings.split)
                tests[data] = tests_of(frames, data, formulas[data], settings.marks)
    return list(errors.values()), list(tests.values())


def read_errors(store: Store, job: str) -> FrameErrors:
    """Return the errors that ``job`` measured, summed over each structure.

    Raises
    ------
    StoreError
        If they are not what it wrote, or nothing that such a job writes.
    """
    arrays = read_arrays(store, job, ERRORS, ERRORS_LAYOUT)
    energy, forces, n_atoms = (arrays[name] for name in ERRORS_LAYOUT)
    if not (
        len(n_atoms)
        and len(energy) == len(n_atoms)
        and (n_atoms > 0).all()
        and forces.shape == (n_atoms.sum(), 3)
        and np.isfinite(energy).all() | np.isnan(energy).all()
    ):
        problem = "energies and forces are not those of structures of these sizes"
        raise store.senseless(job, ERRORS, problem)
    forces = forces.astype(np.float64)
    forces[np.abs(forces) < SMALLEST] = 0
    return FrameErrors.of(Errors(energy, forces, n_atoms))


def is_storable(found: FrameErrors) -> bool:
    """Return whether all errors are within `LARGEST`."""
    largest = max(found.force_abs.max(), found.force_square.max())
    energy = np.abs(found.energy[np.isfinite(found.energy)]).max(initial=0)
    return bool(largest <= LARGEST and energy <= LARGEST)


def errors_of(found: FrameErrors, job: str, data: str, weights: Weights) -> ModelErrors:
    """Return errors as they are stored and published.

    Parameters
    ----------
    job, data
        Keys of the jobs that measured them, and that made the structures.
    weights
        Which weights of the model were measured.
    """
    known = bool(np.isfinite(found.energy).all())
    return ModelErrors(
        job=job,
        data=data,
        energy=rounded(found.energy) if known else None,
        force_abs=rounded(found.force_abs),
        force_square=rounded(found.force_square),
        weights=weights,
    )


def read_frames(store: Store, data: str, split: str) -> Frames:
    """Return one part of the data set of the job ``data``, if it is as the job wrote it."""
    name = data_file(split)
    return Frames.read(io.BytesIO(store.read(data, name)), str(store.folder(data) / name))


def tests_of(frames: Frames, data: str, element: str, marked: Marked) -> TestSet:
    """Return what the test structures ``frames`` of the data set of job ``data`` are.

    Raises
    ------
    InputError
        If they are nothing that test structures are, or a mark is of none of them.
    """
    found = {
        "data": data,
        "element": element,
        "n_atoms": frames.n_atoms.tolist(),
        "temperature": [t if np.isfinite(t) else None for t in frames.temperature_k.tolist()],
        "phases": frames.phase.tolist(),
        "groups": frames.group.tolist(),
        "marks": marked_frames(marked, frames.group),
    }
    return validate(TestSet, found, f"The test structures of job {data[:12]}")
