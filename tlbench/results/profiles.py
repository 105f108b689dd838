"""Where the force errors of a run's models are: by coverage, and by the surroundings of atoms."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from pydantic import Field

from tlbench.base.formats import Format
from tlbench.base.magnitudes import Count, Magnitude
from tlbench.base.units import MEV
from tlbench.data.frames import Floats, Ints
from tlbench.engine.store.arrays import read_arrays
from tlbench.engine.store.store import Store
from tlbench.jobs.coverage import COVERAGE, COVERAGE_LAYOUT
from tlbench.jobs.evaluate import ERRORS, ERRORS_LAYOUT
from tlbench.jobs.geometry import GEOMETRY, GEOMETRY_LAYOUT
from tlbench.metrics.structure import REACH
from tlbench.study.model_key import Flat, ModelKey, TrainingSet, Transfer
from tlbench.study.plan import PRETRAIN, Cell, Covered, Plan

FILE = "profiles.jsonl"

BINS = 5
"""Bins of coverage, with the same number of test atoms each."""

THIRDS = 3
"""Bins of coverage by the target where that by the source is looked at, too."""

FEWEST = 20
"""Atoms that a mean error is taken of at least."""

DISTANCE_BINS, ANGLE_BINS = 30, 18
"""Bins of distances up to `tlbench.metrics.structure.REACH`, and of angles up to 180°."""

DISTANCE, ANGLE = REACH / DISTANCE_BINS, 180 / ANGLE_BINS
"""Their widths, Å and degrees."""


class Coverage(Flat):
    """Force errors of test atoms by how near they are to what a model was trained on.

    Lists run over bins of equally many atoms, from the nearest to the target's training structures
    to the farthest; ``target`` and ``source`` are mean distances to the nearest environment of
    each, ``error`` the mean absolute force error per component, meV/Å. ``grid_atoms`` and
    ``grid_error`` have a row for each third of the atoms by distance to the target's, and in it one
    number for the atoms to which a structure of the source is nearer, and one for the others; the
    error is None where there are fewer than `FEWEST` atoms. ``job`` is that which measured the
    distances.
    """

    training_set: TrainingSet
    target: list[Magnitude] = Field(min_length=BINS, max_length=BINS)
    source: list[Magnitude] = Field(min_length=BINS, max_length=BINS)
    error: list[Magnitude] = Field(min_length=BINS, max_length=BINS)
    grid_atoms: list[tuple[Count, Count]] = Field(min_length=THIRDS, max_length=THIRDS)
    grid_error: list[tuple[Magnitude | None, Magnitude | None]] = Field(
        min_length=THIRDS, max_length=THIRDS
    )
    job: str


class Profile(Flat):
    """Mean force errors (meV/Å) of one model on test atoms, sorted by what surrounds them.

    ``by_distance`` weighs every atom by its neighbours at a distance, in bins of `DISTANCE` Å, and
    ``by_angle`` by its angles, in bins of `ANGLE`°; None where there are none. ``by_coordination``
    maps the number of neighbours in the first shell to error and number of atoms. ``coverage`` has
    one entry for a trained model, and one for every training set of the suite for one without
    target data.
    """

    model: ModelKey
    by_distance: list[Magnitude | None] = Field(min_length=DISTANCE_BINS, max_length=DISTANCE_BINS)
    by_angle: list[Magnitude | None] = Field(min_length=ANGLE_BINS, max_length=ANGLE_BINS)
    by_coordination: dict[int, tuple[Magnitude, Count]] = Field(max_length=1000)
    coverage: list[Coverage] = Field(max_length=10_000)
    job: str


PROFILES_FORMAT = Format("profile", Profile)


def collect_profiles(plan: Plan, store: Store, finished: Iterable[str]) -> list[Profile]:
    """Return a profile of every model on the target whose jobs are in ``finished``.

    They are those of the last weights on the target's test set.
    """
    if plan.suite.distances is None:
        return []
    available = set(finished)
    simulated = {cell.job for cell in plan.simulated}
    by_transfer: dict[Transfer, list[Covered]] = {}
    for covered in plan.covered:
        if covered.job in available:
            by_transfer.setdefault(covered.transfer, []).append(covered)
    surroundings = {
        element: _surroundings(store, job)
        for element, job in plan.geometry.items()
        if job in available
    }
    known: dict[str, dict[str, Any]] = {}
    found = []
    for cell in plan.cells:
        if cell.weights != "last" or cell.data is not None:
            continue
        model, measured = cell.model, cell.job in available and cell.job not in simulated
        if model.strategy == PRETRAIN or not measured or model.target not in surroundings:
            continue
        error = _force_errors(store, cell.job, len(surroundings[model.target]["coordination"]))
        bins = []
        for covered in by_transfer.get(model.transfer, []):
            # Fewer atoms than bins fill none of them.
            if len(error) >= BINS and model.is_trained_on(covered.training_set):
                if covered.job not in known:
                    known[covered.job] = _distances(store, covered.job, len(error))
                bins.append(_coverage(covered, known[covered.job], error))
        found.append(_profile(cell, surroundings[model.target], error, bins))
    return found


def _force_errors(store: Store, job: str, n_atoms: int) -> Floats:
    """Return the mean absolute error (n_atoms,) of each test atom's forces, meV/Å."""
    forces = read_arrays(store, job, ERRORS, ERRORS_LAYOUT)["forces"]
    if forces.shape != (n_atoms, 3) or not np.isfinite(forces).all():
        raise store.senseless(job, ERRORS, f"forces are not {n_atoms} vectors of numbers")
    error: Floats = MEV * np.abs(forces).mean(axis=1)
    return error


def _distances(store: Store, job: str, n_atoms: int) -> dict[str, Floats]:
    """Return the distances (n_atoms,) of test atoms to what models were trained on."""
    found = read_arrays(store, job, COVERAGE, COVERAGE_LAYOUT)
    for each in found.values():
        if each.shape != (n_atoms,) or not (np.isfinite(each) & (each >= 0)).all():
            raise store.senseless(job, COVERAGE, f"it does not have {n_atoms} distances")
    return found


def _surroundings(store: Store, job: str) -> dict[str, Ints]:
    """Return what surrounds each test atom, one row an atom."""
    found = read_arrays(store, job, GEOMETRY, GEOMETRY_LAYOUT)
    n_atoms = len(found["coordination"])
    bins = {"pairs": DISTANCE_BINS, "angles": ANGLE_BINS}
    for name, each in found.items():
        if len(each) != n_atoms or (each < 0).any() or (each.shape[-1] % bins.get(name, 1)):
            raise store.senseless(job, GEOMETRY, f"{name} are not counts of {n_atoms} atoms")
    return found


def _coverage(covered: Covered, distances: dict[str, Any], error: Floats) -> Coverage:
    target, source = distances["target"], distances["source"]
    parts = np.array_split(np.argsort(target, kind="stable"), BINS)
    thirds, nearer = _equal_parts(target), source < target
    grid = [
        (error[(thirds == third) & nearer], error[(thirds == third) & ~nearer])
        for third in range(THIRDS)
    ]
    return Coverage(
        training_set=covered.training_set,
        target=_means(parts, target, 5),
        source=_means(parts, source, 5),
        error=_means(parts, error, 3),
        grid_atoms=[(len(near), len(far)) for near, far in grid],
        grid_error=[(_mean(near), _mean(far)) for near, far in grid],
        job=covered.job,
    )


def _equal_parts(values: Floats) -> Ints:
    """Return the third, 0 to 2, that each value is in."""
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    return ranks * THIRDS // len(values)


def _profile(
    cell: Cell, surroundings: dict[str, Any], error: Floats, coverage: list[Coverage]
) -> Profile:
    coordination = surroundings["coordination"]
    return Profile(
        model=cell.model,
        by_distance=list(_weighed(surroundings["pairs"], error, DISTANCE_BINS)),
        by_angle=list(_weighed(surroundings["angles"], error, ANGLE_BINS)),
        by_coordination={
            int(n): (round(float(some.mean()), 3), len(some))
            for n, some in ((n, error[coordination == n]) for n in np.unique(coordination))
        },
        coverage=coverage,
        job=cell.job,
    )


def _weighed(counts: Ints, error: Floats, bins: int) -> Iterator[float | None]:
    """Yield the mean error in each of ``bins`` bins; atoms count as often as the bin has them."""
    merged = counts.reshape(len(counts), bins, -1).sum(axis=2)
    for total, summed in zip(merged.sum(axis=0), error @ merged, strict=True):
        yield round(float(summed / total), 3) if total else None


def _means(parts: list[Ints], values: Floats, digits: int) -> list[float]:
    return [round(float(values[part].mean()), digits) for part in parts]


def _mean(values: Floats) -> float | None:
    return round(float(values.mean()), 3) if len(values) >= FEWEST else None
