"""Distances and forces of a size that no material has.

These ranges are wide. They see mistakes that the ratio of energies to forces hides, such as
everything in atomic units, and miss those that lead from one plausible size to another.
"""

from collections.abc import Iterator

import numpy as np

from tlbench.data.frames import Floats, Frames
from tlbench.inspection.checks.misreadings import LENGTHS
from tlbench.inspection.collection import Collection
from tlbench.inspection.finding import EVERYWHERE, Finding
from tlbench.inspection.force_sizes import typical_force
from tlbench.inspection.geometry import NONE_NEAR, nearest, structures_of
from tlbench.units import FORCE_UNITS

DISTANCES = (0.6, 1.45)
"""Plausible closest pairs, in sums of covalent radii, of half of the frames.

Bonds are 0.7 to 1.2 of that sum (DFT data of Zuo et al.: molybdenum 0.81, lithium 0.95, germanium
0.98, silicon 0.99). Coordinates in bohr read as Å are at 1.5 (molybdenum) to 1.9; Å converted as if
they were bohr at 0.4 to 0.5; nm at 0.1.
"""

FORCES = (0.03, 5.0)
"""Plausible root-mean-square force component of half of the frames, eV/Å.

The data of Zuo et al. have 0.22 (lithium), 0.62 (germanium), 0.82 (molybdenum) and 0.93 (silicon),
and 3 in molybdenum at 6000 K. In hartree/bohr these would be 0.004 to 0.06; in kcal/mol/Å 5 to 70.
"""

UNCOMPRESSED = 0.7
"""Closest pair in sums of covalent radii above which bonds are not compressed."""

NOBLE_GASES = (2, 10, 18, 36, 54, 86, 118)
"""Atomic numbers of elements that form no bonds; their distances mean nothing here."""

SAMPLE = 200
"""Frames whose distances are looked at."""


def closest_in_radii(frames: Frames) -> float:
    """Return the median over frames of the closest distance, in sums of covalent radii.

    NaN if no atom has a neighbour that it could bond to.
    """
    count = min(SAMPLE, len(frames))
    chosen = np.unique(np.linspace(0, len(frames) - 1, count).astype(np.int64))
    ratios = closest_pairs(frames.select(chosen))
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


def check_distances(collection: Collection) -> Iterator[Finding]:
    """Compare the closest pair of most frames with covalent radii."""
    found = closest_in_radii(collection.frames)
    low, high = DISTANCES
    if np.isnan(found) or low <= found <= high:
        return
    fitting = [unit for unit, length in LENGTHS.items() if low <= found * length <= high]
    # Molecules may be far apart. With positions in bohr, forces are in hartree/bohr, and small.
    force = typical_force(collection.frames) * FORCE_UNITS["hartree/bohr"]
    named = fitting and (found < low or force < FORCES[1])
    guess = f"; as if positions were in {', or '.join(fitting)}" if named else ""
    yield Finding(
        "warning",
        "distances",
        EVERYWHERE,
        f"In half of the frames the closest atoms are {'nearer' if found < low else 'farther'} "
        f"than {found:.2f} times the sum of their covalent radii; {low} to {high} is "
        f"usual{guess}.",
    )


def check_forces(collection: Collection) -> Iterator[Finding]:
    """Compare the size of forces in most frames with those of materials.

    Small forces are first of all those of relaxed structures, large ones of compressed: units
    are named only if distances contradict that.
    """
    found = typical_force(collection.frames)
    low, high = FORCES
    if low <= found <= high:
        return
    if found == 0:
        yield Finding("warning", "forces", EVERYWHERE, "The forces of all frames are zero.")
        return
    closest = closest_in_radii(collection.frames)
    if found < low:
        size = "below"
        reason = "relaxed or nearly perfect structures have such forces"
        suspect = closest > DISTANCES[1]
    else:
        size = "above"
        reason = "atoms pressed together have such forces"
        suspect = closest > UNCOMPRESSED
    if suspect:
        reason = (
            f"where the closest atoms are at {closest:.2f} times the sum of their covalent "
            f"radii, as if forces were in {', or '.join(_fitting_units(found))}"
        )
    yield Finding(
        "warning",
        "forces",
        EVERYWHERE,
        f"In half of the frames the root mean square of the force components is {size} "
        f"{found:.3g} eV/Å; {low} to {high} is usual in molecular dynamics; {reason}.",
    )


def _fitting_units(force: float) -> list[str]:
    """Return the units in which ``force`` would be of a usual size, the best first."""
    low, high = FORCES
    usual = np.sqrt(low * high)
    by_size = sorted(FORCE_UNITS, key=lambda unit: abs(np.log(force * FORCE_UNITS[unit] / usual)))
    fitting = [unit for unit in by_size if low <= force * FORCE_UNITS[unit] <= high]
    return fitting or ["an unknown unit"]
