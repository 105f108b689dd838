"""Property: the energy of two atoms in vacuum as a function of their distance.

Dynamics depend on it: two atoms of a hot liquid come much closer than any of the training set, and
a potential that does not repel there lets them fall into each other.
"""

from itertools import combinations_with_replacement

import numpy as np
from pydantic import Field, PositiveFloat

from tlbench.properties.evaluation import Floats, finite, value_of
from tlbench.properties.spec import (
    Computed,
    Condition,
    Curve,
    Property,
    Quantity,
    Report,
    Settings,
    Subject,
    Value,
)

BEYOND = 0.1
"""How far beyond the cutoff atoms are free, Å."""

PROMINENCE = 0.01
"""Depth from which a dip of the curve counts as a minimum, eV.

Single precision rounds energies to 10⁻⁶ of their size; at 0.5 Å some thousand eV are normal.
"""

LARGEST = 1e12
"""Energy from which there is no number to speak of, eV."""

DISAGREEMENT = 0.02
"""Share of the work of the force by which a step of the energy may differ from it."""


class DimerSettings(Settings):
    """Distances at which two atoms are placed."""

    shortest: PositiveFloat = Field(default=0.5, le=2.0, description="shortest distance, Å")
    spacing: PositiveFloat = Field(
        default=0.02, ge=0.005, le=0.1, description="distance between points, Å"
    )


DISTANCE = Quantity(
    "dimer_distance", "Å", "distance of two atoms at which their energy is lowest", 3
)
DEPTH = Quantity("dimer_depth", "eV", "energy by which two atoms at that distance are bound", 3)
REPULSION = Quantity(
    "dimer_repulsion",
    "Å",
    "distance down to which two atoms that approach each other repel; the shortest distance that "
    "is computed if they always do",
)
FEWEST = 3
"""Distances at which a curve has to have a number, so that it has anything else."""

MINIMA = Quantity(
    "dimer_spurious_minima", "1", "minima of the pair curve beside the deepest", 0, compared=False
)
DISAGREE = Quantity(
    "dimer_disagreement",
    "1",
    "share of the distances at which the energy of two atoms changes by another amount than the "
    "work of their force",
    3,
    compared=False,
)


def compute(subject: Subject, settings: DimerSettings, report: Report) -> Computed:
    """Compute the curves of all pairs of the crystal's elements."""
    elements = sorted(set(subject.crystal.get_chemical_symbols()))
    pairs = list(combinations_with_replacement(elements, 2))
    farthest = max(subject.cutoff, settings.shortest) + BEYOND
    n = int(np.ceil((farthest - settings.shortest) / settings.spacing)) + 1
    r = np.linspace(settings.shortest, farthest, n).round(6)
    values, curves = [], []
    for done, pair in enumerate(pairs):
        report(done, len(pairs))
        condition: Condition = {"pair": "-".join(pair)}
        energy, force = _curve(pair, r, subject)
        values += _values(r, energy, force, condition)
        known = np.isfinite(energy)
        curves.append(
            Curve(
                name="dimer",
                condition=condition,
                x_label="distance (Å)",
                y_label="energy (eV)",
                x=r[known].tolist(),
                y=energy[known].round(6).tolist(),
            )
        )
    report(len(pairs), len(pairs))
    return Computed(values, curves)


def _curve(pair: tuple[str, str], r: Floats, subject: Subject) -> tuple[Floats, Floats]:
    """Return energy (eV, 0 for free atoms) and force (eV/Å, positive if they repel) at ``r``.

    They are NaN where the potential gives no number.
    """
    from ase import Atoms

    dimer = Atoms(pair, np.zeros((2, 3)))
    dimer.calc = subject.calculator()
    energy, force = np.full((2, len(r)), np.nan)
    for at, distance in enumerate(r):
        dimer.positions[1, 2] = distance
        found, forces = finite(dimer, "energy"), finite(dimer, "forces")
        if found is not None and forces is not None and abs(found) < LARGEST:
            energy[at], force[at] = found, forces[1, 2]
    return energy - energy[-1], force


def _values(r: Floats, energy: Floats, force: Floats, condition: Condition) -> list[Value]:
    """Return what a curve is like."""
    # Takes half a second, which listing properties should not.
    from scipy.signal import find_peaks

    quantities = (DISTANCE, DEPTH, REPULSION, MINIMA, DISAGREE)
    if np.isnan(energy[-1]):
        failure = "the energy of free atoms is not finite"
        return [value_of(each.name, failure, condition) for each in quantities]
    # Of the shortest distances, those at which there are numbers all the way.
    first = int(np.isnan(energy).nonzero()[0].max(initial=-1)) + 1
    r, energy, force = r[first:], energy[first:], force[first:]
    if len(r) < FEWEST:
        failure = "the energy of two atoms is finite at hardly any distance"
        return [value_of(each.name, failure, condition) for each in quantities]
    distance: float | str
    depth: float | str
    minima, _ = find_peaks(-energy, prominence=PROMINENCE)
    if len(minima):
        deepest = int(minima[np.argmin(energy[minima])])
        distance, depth = _bottom(r, energy, deepest)
    else:
        deepest = len(r) - 1
        distance = depth = "the curve has no minimum"
    return [
        value_of(DISTANCE.name, distance, condition),
        value_of(DEPTH.name, depth, condition),
        value_of(
            REPULSION.name, _repels_down_to(r[: deepest + 1], energy[: deepest + 1]), condition
        ),
        value_of(MINIMA.name, float(max(len(minima) - 1, 0)), condition),
        value_of(DISAGREE.name, _disagreement(r[1] - r[0], energy, force), condition),
    ]


def _bottom(r: Floats, energy: Floats, lowest: int) -> tuple[float, float]:
    """Return place and depth of the minimum: of the parabola through three points."""
    near = slice(lowest - 1, lowest + 2)
    a, b, c = np.polyfit(r[near] - r[lowest], energy[near], 2)
    return float(r[lowest] - b / (2 * a)), float(b * b / (4 * a) - c)


def _repels_down_to(r: Floats, energy: Floats) -> float | str:
    """Return down to which distance the energy rises inwards, from the last of ``r``."""
    inwards = energy[::-1]
    highest = np.maximum.accumulate(inwards)
    falls = (inwards < highest - PROMINENCE).nonzero()[0]
    rising = inwards[: falls[0]] if len(falls) else inwards
    if rising.max() - inwards[0] < PROMINENCE:
        return "the atoms repel at no distance"
    return float(r[::-1][np.argmax(rising)])


def _disagreement(spacing: float, energy: Floats, force: Floats) -> float:
    """Return the share of places at which the energy's change is not the work of the force.

    The work over two steps is integrated by Simpson's rule.
    """
    change = energy[2:] - energy[:-2]
    work = -spacing / 3 * (force[:-2] + 4 * force[1:-1] + force[2:])
    bound = PROMINENCE + DISAGREEMENT * np.maximum(abs(change), abs(work))
    return float((abs(change - work) > bound).mean())


DIMER = Property(
    name="dimer",
    summary="energy of two atoms in vacuum against their distance",
    literature="Chiang et al., MLIP Arena, NeurIPS (2025), arXiv 2509.20630: homonuclear diatomics",
    settings=DimerSettings,
    quantities=(DISTANCE, DEPTH, REPULSION, MINIMA, DISAGREE),
    compute=compute,
)
