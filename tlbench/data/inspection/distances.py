"""Distances of the closest atoms, and atoms that lie on top of one another."""

from collections.abc import Iterator

import numpy as np

from tlbench.data.frames import Floats, Frames
from tlbench.data.inspection.collection import Collection
from tlbench.data.inspection.finding import Finding, measured
from tlbench.data.inspection.geometry import NONE_NEAR, nearest, pairs_within, structures_of

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
