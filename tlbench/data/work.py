"""Whether energies, forces and stresses belong together, by the work that they do.

Between two structures of the same atoms the energy changes by the work of forces and stress,

    E_j - E_i = -½ Σ_a (F_i + F_j)_a · u_a + ½ (V_i σ_i + V_j σ_j) : ε,

with displacements u at fixed cell, strain ε and volume V: the trapezoidal rule along the straight
path, exact up to the third order in u and ε. At one cell the energies therefore fix the unit and
sign of forces; of strained structures, those of stress.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tlbench.base.units import GPA, STRESS_UNITS
from tlbench.data.frames import Floats, Frames

LARGEST_STRAIN = 0.15
"""Strain beyond which two cells are not compared: higher orders count, or vectors are exchanged."""

SMALLEST_STRAIN = 1e-3
LARGEST_DISPLACEMENT = 0.2
"""Root mean square displacement, in distances of neighbours, beyond which the rule means nothing.

Neighbours are taken to be as far apart as the edge of the cube of an atom's share of the volume.
"""

FEWEST_ATOMS = 8
"""Atoms of frames whose forces are compared: the scan of a single bond is far from harmonic."""

FORCES_EXPLAIN = 0.9
"""Share of the variance of energy differences that the work of forces must explain."""

SAME_CELL = 1e-3
"""Strain up to which the work of stress is neglected against that of forces."""

MIN_FRAMES = 4
MIN_R_SQUARED = 0.3
"""Share of the variance of what forces leave of the energy differences that stress must explain."""

HIGHEST_STRESS = 1000.0
"""Median of |tr σ|/3 (GPa) above which a unit is impossible: the pressure of a planet's core."""

USUAL_STRESS = 100.0
"""The same, above which a unit that nothing confirms is not assumed."""

NEAR = 3.0
"""Largest factor between a slope and that of a convention; GPa and kbar differ by ten.

Slopes of the data of Zuo et al. are 0.92 (Ge), 0.95 (Si), 0.85 (Mo) and 0.59 (Li, at 1000 K and
more); where atoms are displaced by 0.3 Å and volumes differ by a fifth, 0.4 has been found.
"""

MOST_PAIRS = 400


@dataclass(frozen=True)
class Slope:
    """Work that energies imply over work that stresses give.

    ``r_squared`` is the share of the variance explained, ``n_frames`` how many structures were
    compared, in ``n_pairs`` pairs.
    """

    value: float
    r_squared: float
    n_frames: int
    n_pairs: int

    @property
    def is_resolved(self) -> bool:
        """Whether the slope is three times its standard error, with one degree a structure."""
        if self.n_frames < MIN_FRAMES or self.r_squared < MIN_R_SQUARED:
            return False
        return self.r_squared * (self.n_frames - 2) >= 9 * (1 - self.r_squared)


@dataclass(frozen=True)
class Convention:
    """A unit and what a positive stress is; ``factor`` turns it into GPa, positive in tension."""

    unit: str
    sign: str

    @property
    def factor(self) -> float:
        """Stress in GPa, positive in tension, of one of this convention."""
        return STRESS_UNITS[self.unit] * (1 if self.sign == "tension" else -1)

    def __str__(self) -> str:
        return f"{self.unit.replace('angstrom^3', 'Å³')}, positive in {self.sign}"


CONVENTIONS = tuple(
    Convention(unit, sign) for unit in STRESS_UNITS for sign in ("tension", "compression")
)


def convention_of(slope: float, assumed: Convention) -> Convention | None:
    """Return the convention that a slope found under another one stands for; None if none is."""
    if slope == 0 or not np.isfinite(slope):
        return None
    factor = slope * assumed.factor
    same = [c for c in CONVENTIONS if c.factor * factor > 0]
    best = min(same, key=lambda c: abs(np.log(c.factor / factor)))
    return best if abs(np.log(best.factor / factor)) < np.log(NEAR) else None


def stress_slope(frames: Frames) -> Slope:
    """Return the energy differences that forces leave over the work of stress, by least squares.

    Compared are pairs of periodic frames with the same atoms in the same order; ``stress`` is in
    GPa, as ``Frames`` has it.
    """
    works = _works(frames, np.asarray(np.isfinite(frames.stress).all(axis=(1, 2))))
    works = {pair: w for pair, w in works.items() if SMALLEST_STRAIN < w.strain < LARGEST_STRAIN}
    if _n_frames(works) < MIN_FRAMES:
        return Slope(float("nan"), 0.0, _n_frames(works), len(works))
    change, of_forces, of_stress = np.array(
        [(w.change, w.of_forces, w.of_stress) for w in works.values()]
    ).T
    if of_forces.any():
        # Of hot structures, the work of forces is known to the second order only: it is scaled.
        both = np.stack([of_forces, of_stress], axis=1)
        change = change - of_forces * np.linalg.lstsq(both, change, rcond=None)[0][0]
    return _slope(change, of_stress, works)


def force_slope(frames: Frames) -> Slope:
    """Return energy differences over the work of forces between frames of one cell.

    It is 1.0 to 1.2 in crystals of Zuo et al. and Li et al., with an R² of 0.95 to 1.
    """
    works = _works(frames, np.asarray(frames.n_atoms >= FEWEST_ATOMS))
    works = {pair: w for pair, w in works.items() if w.strain <= SAME_CELL}
    return _slope(
        np.array([w.change for w in works.values()]),
        np.array([w.of_forces for w in works.values()]),
        works,
    )


def _slope(change: Floats, work: Floats, works: Mapping[tuple[int, int], Any]) -> Slope:
    """Return the slope of energies over work, about zero: equal structures have equal energies."""
    if _n_frames(works) < MIN_FRAMES or not work.any():
        return Slope(float("nan"), 0.0, _n_frames(works), len(works))
    value = float(work @ change / (work @ work))
    unexplained = np.square(change - value * work).sum()
    r_squared = 1 - float(unexplained / max(np.square(change).sum(), 1e-30))
    return Slope(value, r_squared, _n_frames(works), len(works))


def _n_frames(works: Mapping[tuple[int, int], Any]) -> int:
    return len({frame for pair in works for frame in pair})


def typical_stress(frames: Frames) -> float:
    """Return the median of |tr σ|/3 in GPa; NaN if no stress is known."""
    pressure = np.abs(np.trace(frames.stress, axis1=1, axis2=2)) / 3
    known = pressure[np.isfinite(pressure)]
    return float(np.median(known)) if len(known) else float("nan")


@dataclass(frozen=True)
class _Work:
    """An energy difference, and what forces and stress contribute to it, eV."""

    change: float
    of_forces: float
    of_stress: float
    strain: float


def _works(frames: Frames, usable: npt.NDArray[np.bool_]) -> dict[tuple[int, int], _Work]:
    """Return what is known of pairs of frames that can be compared."""
    found = {pair: _work(frames, *pair) for pair in _pairs(frames, usable)}
    return {pair: work for pair, work in found.items() if work is not None}


def _pairs(frames: Frames, usable: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return pairs of frames of the same atoms, nearest volumes and distant ones alike."""
    volume = np.abs(np.linalg.det(frames.cell))
    owner = np.repeat(np.arange(len(frames)), frames.n_atoms)
    usable = usable.copy()
    usable[owner[~np.isfinite(frames.positions).all(axis=1)]] = False
    alike: dict[bytes, list[int]] = defaultdict(list)
    for index in np.flatnonzero(usable & frames.pbc.all(axis=1) & (volume > 0)):
        start = frames.atom_start[index]
        numbers = frames.atomic_numbers[start : start + frames.n_atoms[index]]
        alike[numbers.tobytes()].append(int(index))
    pairs = []
    for members in alike.values():
        ordered = sorted(members, key=lambda index: volume[index])
        for step in sorted({1, 2, 3, len(ordered) // 4, len(ordered) // 2} - {0}):
            pairs += list(zip(ordered, ordered[step:], strict=False))
    generator = np.random.default_rng(0)
    kept = generator.permutation(len(pairs))[: 5 * MOST_PAIRS]
    return [pairs[k] for k in kept]


def _work(frames: Frames, i: int, j: int) -> _Work | None:
    """Return what is known of a pair; None if it is too far apart for the rule."""
    deformation = np.linalg.solve(frames.cell[i], frames.cell[j])
    strain = (deformation + deformation.T) / 2 - np.eye(3)
    n = int(frames.n_atoms[i])
    (s_i, f_i), (s_j, f_j) = (_fractional(frames, k, n) for k in (i, j))
    shift = s_j - s_i
    shift -= np.round(shift)
    # A crystal that drifts as a whole has not changed.
    shift -= shift.mean(axis=0)
    moved = shift @ (frames.cell[i] + frames.cell[j]) / 2
    volumes = np.abs(np.linalg.det(frames.cell[[i, j]]))
    largest = LARGEST_DISPLACEMENT * (volumes.mean() / n) ** (1 / 3)
    if np.sqrt(np.square(moved).sum(axis=1).mean()) > largest:
        return None
    stress = (volumes[0] * frames.stress[i] + volumes[1] * frames.stress[j]) / 2 / GPA
    return _Work(
        change=float(frames.energy[j] - frames.energy[i]),
        of_forces=-float(((f_i + f_j) / 2 * moved).sum()),
        of_stress=float((stress * strain).sum()),
        strain=float(np.abs(deformation - np.eye(3)).max()),
    )


def _fractional(frames: Frames, index: int, n: int) -> tuple[Floats, Floats]:
    start = int(frames.atom_start[index])
    positions, forces = (a[start : start + n] for a in (frames.positions, frames.forces))
    return np.linalg.solve(frames.cell[index].T, positions.T).T, forces
