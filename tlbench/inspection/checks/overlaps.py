"""Atoms that lie on top of one another."""

from collections.abc import Iterator

import numpy as np

from tlbench.inspection.collection import Collection
from tlbench.inspection.finding import Finding, measured
from tlbench.inspection.geometry import pairs_within, structures_of

CLOSEST = 0.5
"""Smallest believable distance, in sums of two covalent radii.

Bonds are 0.7 (uranium) to 1.2 (alkali metals) of that sum. Heat and pressure shorten them: in the
DFT data of Zuo et al. the closest pairs are at 0.61 (molybdenum at 6000 K), 0.78 (lithium), 0.82
(silicon) and 0.86 (germanium). At 0.5 the cores of the atoms overlap, and pseudopotentials mean
nothing there.
"""


def check_overlaps(collection: Collection) -> Iterator[Finding]:
    """Find frames in which two atoms, or an atom and an image, are closer than ``CLOSEST``."""
    from ase.data import chemical_symbols, covalent_radii

    for name, structure in zip(collection.names, structures_of(collection.frames), strict=True):
        radii = covalent_radii[structure.atomic_numbers]
        pairs = pairs_within(structure, 2 * CLOSEST * float(radii.max()))
        if not len(pairs.distance):
            continue
        touching = radii[pairs.centre] + radii[pairs.neighbour]
        ratio = pairs.distance / touching
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
