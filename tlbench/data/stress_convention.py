"""In which unit, and with which sign, stresses are given: found from energies and forces.

Between two structures of the same atoms the energy changes by the work of forces and stress,

    E_j - E_i = -½ Σ_a (F_i + F_j)_a · u_a + ½ (V_i σ_i + V_j σ_j) : ε,

with displacements u at fixed cell, strain ε and volume V: the trapezoidal rule along the straight
path, exact up to the third order in u and ε. Energies and forces therefore fix the factor by which
a stress has to be multiplied.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from tlbench.data.frames import Floats, Frames
from tlbench.units import GPA, STRESS_UNITS

LARGEST_STRAIN = 0.15
"""Strain beyond which two cells are not compared: higher orders count, or vectors are exchanged."""

SMALLEST_STRAIN = 1e-3
LARGEST_DISPLACEMENT = 0.5
"""Root mean square displacement (Å) beyond which the trapezoidal rule means nothing."""

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


def work_slope(frames: Frames) -> Slope:
    """Return the energy differences that forces leave over the work of stress, by least squares.

    Compared are pairs of periodic frames with the same atoms in the same order; ``stress`` is in
    GPa, as ``Frames`` has it.
    """
    found = {(i, j): row for i, j in _pairs(frames) if (row := _compared(frames, i, j))}
    n_frames = len({frame for pair in found for frame in pair})
    if n_frames < MIN_FRAMES:
        return Slope(float("nan"), 0.0, n_frames, len(found))
    change, of_forces, of_stress = np.array(list(found.values())).T
    # Of hot structures, the work of forces is known to the second order only: its weight is free.
    work = np.stack([of_forces, of_stress], axis=1)[:, [bool(of_forces.any()), True]]
    weights = np.linalg.lstsq(work, change, rcond=None)[0]
    rest = change - work[:, :-1] @ weights[:-1]
    # About zero, since equal structures have equal energies.
    unexplained = np.square(rest - work[:, -1] * weights[-1]).sum()
    r_squared = 1 - float(unexplained / max(np.square(rest).sum(), 1e-30))
    return Slope(float(weights[-1]), r_squared, n_frames, len(found))


def typical_stress(frames: Frames) -> float:
    """Return the median of |tr σ|/3 in GPa; NaN if no stress is known."""
    pressure = np.abs(np.trace(frames.stress, axis1=1, axis2=2)) / 3
    known = pressure[np.isfinite(pressure)]
    return float(np.median(known)) if len(known) else float("nan")


def _pairs(frames: Frames) -> list[tuple[int, int]]:
    """Return pairs of frames that can be compared, nearest volumes and distant ones alike."""
    known = np.isfinite(frames.stress).all(axis=(1, 2)) & frames.pbc.all(axis=1)
    volume = np.abs(np.linalg.det(frames.cell))
    alike: dict[Any, list[int]] = defaultdict(list)
    for index in np.flatnonzero(known & (volume > 0)):
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


def _compared(frames: Frames, i: int, j: int) -> tuple[float, float, float] | None:
    """Return the energy difference, the work of forces and that of stress, in eV."""
    deformation = np.linalg.solve(frames.cell[i], frames.cell[j])
    strain = (deformation + deformation.T) / 2 - np.eye(3)
    if not SMALLEST_STRAIN < np.abs(deformation - np.eye(3)).max() < LARGEST_STRAIN:
        return None
    n = int(frames.n_atoms[i])
    (s_i, f_i), (s_j, f_j) = (_fractional(frames, k, n) for k in (i, j))
    shift = s_j - s_i
    shift -= np.round(shift)
    # A crystal that drifts as a whole has not changed.
    shift -= shift.mean(axis=0)
    middle = (frames.cell[i] + frames.cell[j]) / 2
    moved = shift @ middle
    if np.sqrt(np.square(moved).sum(axis=1).mean()) > LARGEST_DISPLACEMENT:
        return None
    of_forces = -float(((f_i + f_j) / 2 * moved).sum())
    volumes = np.abs(np.linalg.det(frames.cell[[i, j]]))
    stress = (volumes[0] * frames.stress[i] + volumes[1] * frames.stress[j]) / 2 / GPA
    return (
        float(frames.energy[j] - frames.energy[i]),
        of_forces,
        float((stress * strain).sum()),
    )


def _fractional(frames: Frames, index: int, n: int) -> tuple[Floats, Floats]:
    start = int(frames.atom_start[index])
    positions, forces = (a[start : start + n] for a in (frames.positions, frames.forces))
    return np.linalg.solve(frames.cell[index].T, positions.T).T, forces
