"""Distances between neighbours, widths of cells, and atoms that lie on top of one another."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tlbench.data.frames import Floats, Frames, Ints
from tlbench.data.inspection.collection import Collection
from tlbench.data.inspection.finding import Finding, measured

NONE_NEAR = -1
"""Index of a neighbour that does not exist."""


@dataclass(frozen=True)
class Structure:
    """One frame: atomic numbers (n,), positions (n, 3) and cell (3, 3) in Å, and pbc (3,)."""

    atomic_numbers: Ints
    positions: Floats
    cell: Floats
    pbc: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.atomic_numbers)


@dataclass(frozen=True)
class Pairs:
    """Pairs of atoms within a cutoff, each seen from both ends and once per periodic image.

    ``centre`` and ``neighbour`` (pairs,) are indices of atoms, sorted by centre; ``distance``
    (pairs,) is in Å.
    """

    centre: Ints
    neighbour: Ints
    distance: Floats


def structures_of(frames: Frames) -> list[Structure]:
    """Return the structures of all frames."""
    ends = np.cumsum(frames.n_atoms)
    spans = [slice(int(end - n), int(end)) for end, n in zip(ends, frames.n_atoms, strict=True)]
    return [
        Structure(frames.atomic_numbers[span], frames.positions[span], cell, pbc)
        for span, cell, pbc in zip(spans, frames.cell, frames.pbc, strict=True)
    ]


def pairs_within(structure: Structure, cutoff: float) -> Pairs:
    """Return all pairs closer than ``cutoff`` (Å)."""
    # It imports torch where that is installed.
    from vesin import NeighborList

    search = NeighborList(cutoff=cutoff, full_list=True, sorted=True, n_threads=1)
    centre, neighbour, distance = search.compute(
        points=structure.positions, box=structure.cell, periodic=structure.pbc, quantities="ijd"
    )
    return Pairs(centre.astype(np.int64), neighbour.astype(np.int64), distance)


def nearest(structure: Structure, count: int) -> tuple[Floats, Ints]:
    """Return distances (Å) and indices of the ``count`` nearest neighbours of every atom.

    Both have shape (n_atoms, count), the nearest first; periodic images count as neighbours of
    their own. Where there are fewer neighbours, the distance is infinite and the index is
    ``NONE_NEAR``.
    """
    n_atoms = len(structure)
    enough = count if structure.pbc.any() else min(count, n_atoms - 1)
    distance = np.full((n_atoms, count), np.inf)
    index = np.full((n_atoms, count), NONE_NEAR, dtype=np.int64)
    if enough == 0:
        return distance, index
    cutoff = _first_cutoff(structure, count)
    pairs = pairs_within(structure, cutoff)
    while np.bincount(pairs.centre, minlength=n_atoms).min() < enough:
        cutoff *= 1.4
        pairs = pairs_within(structure, cutoff)
    order = np.lexsort((pairs.distance, pairs.centre))
    centre = pairs.centre[order]
    rank = np.arange(len(order)) - np.searchsorted(centre, centre)
    kept = rank < count
    distance[centre[kept], rank[kept]] = pairs.distance[order][kept]
    index[centre[kept], rank[kept]] = pairs.neighbour[order][kept]
    return distance, index


def _first_cutoff(structure: Structure, count: int) -> float:
    """Return a radius (Å) that holds about ``count`` neighbours at the mean density."""
    volume = abs(float(np.linalg.det(structure.cell))) if structure.pbc.all() else 0.0
    if volume == 0:
        return 4.0
    # Neighbours come in shells, and atoms at surfaces have fewer: a few more are asked for.
    holding = (3 * (count + 4) * volume / (4 * np.pi * len(structure))) ** (1 / 3)
    return min(1.15 * float(holding), 6.0)


def widths(structure: Structure) -> Floats:
    """Return the distance (Å) between opposite faces of the cell, shape (3,).

    It is infinite along a direction that is not periodic. An atom meets no image of itself
    within a cutoff below the smallest of them, and no other atom twice within half of it.
    """
    result = np.full(3, np.inf)
    periodic = structure.cell[structure.pbc]
    if len(periodic):
        # The faces of a lattice in the plane, or on a line, are perpendicular to it.
        result[structure.pbc] = 1 / np.linalg.norm(np.linalg.pinv(periodic), axis=0)
    return result


def flatness(structure: Structure) -> float:
    """Return the volume spanned by the periodic vectors over the product of their lengths.

    1 for orthogonal vectors, 0 if they are linearly dependent or one is zero. For two periodic
    vectors it is an area. 1 if no direction is periodic.
    """
    periodic = structure.cell[structure.pbc]
    lengths = np.linalg.norm(periodic, axis=1)
    if not len(periodic):
        return 1.0
    if not lengths.min() > 1e-6:
        return 0.0
    unit = periodic / lengths[:, None]
    return float(np.sqrt(max(np.linalg.det(unit @ unit.T), 0.0)))


CLOSEST = 0.5
"""Smallest believable distance of two atoms, in sums of two covalent radii.

Bonds are 0.7 (uranium) to 1.2 (alkali metals) of that sum. Heat and pressure shorten them: in the
DFT data of Zuo et al. the closest pairs are at 0.61 (molybdenum at 6000 K), 0.78 (lithium), 0.82
(silicon) and 0.86 (germanium). At 0.5 the cores of the atoms overlap, and pseudopotentials mean
nothing there.
"""

NOBLE_GASES = (2, 10, 18, 36, 54, 86, 118)
"""Atomic numbers of elements that form no bonds; their distances mean nothing here."""

SAMPLE = 200
"""Frames whose distances are looked at."""


def closest_in_radii(frames: Frames) -> float:
    """Return the median over frames of the closest distance, in sums of covalent radii.

    NaN if no atom has a neighbour that it could bond to.
    """
    count = min(SAMPLE, len(frames))
    sample = np.unique(np.linspace(0, len(frames) - 1, count).astype(np.int64))
    ratios = closest_pairs(frames.select(sample))
    bonded = ratios[np.isfinite(ratios)]
    return float(np.median(bonded)) if len(bonded) else float("nan")


def closest_pairs(frames: Frames) -> Floats:
    """Return the closest distance of each frame in sums of covalent radii, (frames,).

    Infinite where no atom has a neighbour that it could bond to.
    """
    from ase.data import covalent_radii

    ratios = np.full(len(frames), np.inf)
    for frame, structure in enumerate(structures_of(frames)):
        z = structure.atomic_numbers
        distance, index = nearest(structure, 1)
        bonded = (index[:, 0] != NONE_NEAR) & ~np.isin(z, NOBLE_GASES)
        touching = covalent_radii[z] + covalent_radii[z[index[:, 0]]]
        ratios[frame] = (distance[:, 0] / touching)[bonded].min(initial=np.inf)
    return ratios


def check_overlaps(collection: Collection) -> Iterator[Finding]:
    """Find frames in which two atoms, or an atom and an image, are closer than ``CLOSEST``."""
    from ase.data import chemical_symbols, covalent_radii

    for name, structure in zip(collection.names, structures_of(collection.frames), strict=True):
        radii = covalent_radii[structure.atomic_numbers]
        pairs = pairs_within(structure, 2 * CLOSEST * float(radii.max()))
        if not len(pairs.distance):
            continue
        ratio = pairs.distance / (radii[pairs.centre] + radii[pairs.neighbour])
        worst = int(np.argmin(ratio))
        if ratio[worst] >= CLOSEST:
            continue
        i, j = (int(atoms[worst]) for atoms in (pairs.centre, pairs.neighbour))
        first, second = (chemical_symbols[structure.atomic_numbers[atom]] for atom in (i, j))
        other = "its own image" if i == j else f"atom {j} ({second})"
        yield measured(
            "error",
            "overlap",
            str(name),
            "{0} are {1:.2f} Å apart, {2:.2f} of the sum of their covalent radii (pairs of atoms "
            f"below {CLOSEST} of it: " + "{3}).",
            f"Atom {i} ({first}) and {other}",
            float(pairs.distance[worst]),
            float(ratio[worst]),
            # Every pair is seen from both ends.
            int((ratio < CLOSEST).sum()) // 2,
        )
