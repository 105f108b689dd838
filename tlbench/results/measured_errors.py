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
from tlbench.results.frame_errors import ElementErrors, ModelErrors, TestSet, rounded
from tlbench.study.plan import Plan


def collect_errors(
    plan: Plan, store: Store, finished: Iterable[str]
) -> tuple[list[ModelErrors], list[TestSet]]:
    """Return the errors of every model whose job is in ``finished``, and what they are on.

    Models that have diverged, to errors beyond `LARGEST`, are left out.
    """
    available = set(finished)
    errors: dict[str, ModelErrors] = {}
    tests: dict[str, TestSet] = {}
    formulas = {plan.data[card.digest()]: card.formula for card in plan.study.cards}
    for cell in plan.cells:
        job = plan.jobs[cell.job]
        settings, data = job.settings, job.parents.get("data")
        if cell.job not in available or not isinstance(settings, EvaluateConfig) or data is None:
            continue
        if cell.job in errors:
            continue
        found = read_errors(store, cell.job, settings)
        if is_storable(found):
            errors[cell.job] = errors_of(found, cell.job, data, settings.weights)
            if data not in tests:
                frames = read_frames(store, data, settings.split)
                tests[data] = tests_of(frames, data, formulas[data], settings.marks)
    return list(errors.values()), list(tests.values())


def read_errors(store: Store, job: str, settings: EvaluateConfig) -> FrameErrors:
    """Return the errors that ``job`` of these settings measured, summed over each structure.

    Raises
    ------
    StoreError
        If they are not what it wrote, or nothing that such a job writes.
    """
    arrays = read_arrays(store, job, ERRORS, settings.layout())
    energy, forces, n_atoms = (arrays[name] for name in ERRORS_LAYOUT)
    stress, elements = arrays.get("stress"), arrays.get("elements")
    if not (
        len(n_atoms)
        and len(energy) == len(n_atoms)
        and (n_atoms > 0).all()
        and forces.shape == (n_atoms.sum(), 3)
        and not np.isinf(energy).any()
        and (stress is None or stress.shape == (len(n_atoms), 3, 3))
        and (elements is None or elements.shape == (n_atoms.sum(),))
    ):
        problem = "energies and forces are not those of structures of these sizes"
        raise store.senseless(job, ERRORS, problem)
    forces = forces.astype(np.float64)
    for each in (forces, stress):
        if each is not None:
            each[np.abs(each) < SMALLEST] = 0
    return FrameErrors.of(Errors(energy, forces, n_atoms, stress=stress, elements=elements))


def is_storable(found: FrameErrors) -> bool:
    """Return whether all errors are within `LARGEST`."""
    largest = max(found.force_abs.max(), found.force_square.max())
    energy = np.abs(found.energy[np.isfinite(found.energy)]).max(initial=0)
    stress = 0.0 if found.stress_abs is None else np.nan_to_num(found.stress_abs).max()
    return bool(largest <= LARGEST and energy <= LARGEST and stress <= LARGEST)


def errors_of(found: FrameErrors, job: str, data: str, weights: Weights) -> ModelErrors:
    """Return errors as they are stored and published.

    Parameters
    ----------
    job, data
        Keys of the jobs that measured them, and that made the structures.
    weights
        Which weights of the model were measured.
    """
    known = bool(np.isfinite(found.energy).any())
    parts = found.by_element if len(found.by_element) > 1 else {}
    return ModelErrors(
        job=job,
        data=data,
        energy=none_for_nan(rounded(found.energy)) if known else None,
        force_abs=rounded(found.force_abs),
        force_square=rounded(found.force_square),
        weights=weights,
        stress_abs=None if found.stress_abs is None else none_for_nan(rounded(found.stress_abs)),
        by_element={
            symbol: ElementErrors(
                force_abs=rounded(each.force_abs), force_square=rounded(each.force_square)
            )
            for symbol, each in parts.items()
        },
    )


def none_for_nan(values: Iterable[float]) -> list[float | None]:
    """Return numbers with None for NaN."""
    return [value if np.isfinite(value) else None for value in values]


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
        "temperature": none_for_nan(frames.temperature_k.tolist()),
        "phases": frames.phase.tolist(),
        "groups": frames.group.tolist(),
        "marks": marked_frames(marked, frames.group),
    }
    if list(frames.element_counts) != [element]:
        found["n_atoms_of"] = {k: n.tolist() for k, n in frames.element_counts.items()}
    return validate(TestSet, found, f"The test structures of job {data[:12]}")
