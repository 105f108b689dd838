"""Distances and forces of a size that no material has, and energies that forces contradict.

Ranges of sizes are wide. They see mistakes that the ratio of energies to forces hides, such as
everything in atomic units, and miss those that lead from one plausible size to another.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isnan, log

import numpy as np

from tlbench.base.units import BOHR, ENERGY_UNITS, FORCE_UNITS
from tlbench.data.inspection.collection import Collection
from tlbench.data.inspection.finding import EVERYWHERE, Finding
from tlbench.data.inspection.forces import typical_force
from tlbench.data.inspection.geometry import closest_in_radii
from tlbench.data.work import FORCES_EXPLAIN, force_slope

LENGTHS = {"bohr": BOHR, "nm": 10.0, "Å but were converted as if in bohr": 1 / BOHR}
"""Units that positions may be in by mistake, in Å."""

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

FEWEST_FRAMES = 8
"""Frames that are compared at least."""

UNSUSPICIOUS = 1.37
"""Largest factor, either way, that anharmonicity may cause: the root of Å over bohr.

The data of Zuo et al. and Li et al. are at 0.9 to 1.2.
"""

NEAR = 0.25
"""Largest logarithm of found over expected ratio that a mistake is named for."""

SPREAD = 0.1
"""Usual logarithm of that ratio where the mistake is the right one."""

USUAL_FORCE = (0.6, log(4))
"""Usual root-mean-square force component, eV/Å, and the standard deviation of its logarithm."""

USUAL_DISTANCE = (0.95, 0.2)
"""Usual distance of the closest atoms, in sums of covalent radii, and the same of its logarithm."""

UNLIKELY = 5.0
"""Difference of squared standard deviations beyond which a mistake is not named beside another."""


@dataclass(frozen=True)
class Mistake:
    """What was done wrong, and by what to multiply forces and positions to put them right.

    ``ratio`` is that of energies to the work of forces, after the mistake.
    """

    words: str
    ratio: float
    force: float = 1.0
    length: float = 1.0


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
    if low <= found <= high or not len(collection):
        return
    if found == 0:
        yield Finding("warning", "forces", EVERYWHERE, "The forces of all frames are zero.")
        return
    closest = closest_in_radii(collection.frames)
    if found < low:
        size, reason = "below", "relaxed or nearly perfect structures have such forces"
        suspect = closest > DISTANCES[1]
    else:
        size, reason = "above", "atoms pressed together have such forces"
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


def check_units(collection: Collection) -> Iterator[Finding | str]:
    """Compare differences of energies with the work of forces between frames of one cell.

    A mistake in the unit of energies, forces or positions makes the ratio a known number. Yields
    a sentence instead of a finding where nothing can be said.
    """
    frames = collection.frames
    found = force_slope(frames)
    doubt = ""
    if found.n_frames < FEWEST_FRAMES:
        doubt = (
            f"fewer than {FEWEST_FRAMES} frames have the atoms and the cell of another, with small "
            "displacements"
        )
    elif isnan(found.value):
        doubt = "the forces do no work"
    elif found.r_squared < FORCES_EXPLAIN:
        doubt = (
            "the work of forces explains energy differences of frames of one cell with an R² of "
            f"only {found.r_squared:.2f}"
        )
    if doubt:
        yield f"Units of energies were not compared with those of forces: {doubt}."
        return
    if found.value > 0 and abs(log(found.value)) < log(UNSUSPICIOUS):
        return
    what = (
        f"Energies of frames of one cell differ by {found.value:.3g} times the work of forces "
        f"between them (R² {found.r_squared:.2f})"
    )
    named = mistakes(
        found.value,
        typical_force(frames),
        closest_in_radii(frames),
        float(np.median(frames.n_atoms)),
    )
    if named:
        yield Finding("warning", "units", EVERYWHERE, f"{what}: as if {', or '.join(named)}.")
    else:
        yield f"{what}; no known mistake of units has this ratio."


def mistakes(slope: float, force_rms: float, closest: float, n_atoms: float) -> list[str]:
    """Return the mistakes that make energies vary ``slope`` times the work of forces, best first.

    Several may have nearly the same ratio; they are ranked by how near it is, and by whether
    forces and distances are of a usual size once corrected.

    Parameters
    ----------
    slope
        Energies over the work of forces, both as given in the data.
    force_rms
        Root-mean-square force component as given in the data, eV/Å.
    closest
        Distance of the closest atoms in sums of covalent radii; NaN if unknown.
    n_atoms
        Usual number of atoms in a structure.
    """
    if slope == 0 or force_rms == 0:
        return []
    scores = {}
    for mistake in _mistakes(n_atoms):
        words = [mistake.words] * bool(mistake.words)
        words += ["forces had the wrong sign"] * (slope < 0)
        miss = log(abs(slope) / mistake.ratio)
        if not words or abs(miss) > NEAR:
            continue
        score = (miss / SPREAD) ** 2 + UNLIKELY * (len(words) - 1)
        score += _unusual(force_rms * mistake.force, USUAL_FORCE)
        if not isnan(closest):
            score += _unusual(closest * mistake.length, USUAL_DISTANCE)
        scores[" and ".join(words)] = score
    ranked = sorted(scores, key=lambda text: scores[text])
    return [text for text in ranked[:3] if scores[text] < scores[ranked[0]] + UNLIKELY]


def _unusual(value: float, usual: tuple[float, float]) -> float:
    return (log(value / usual[0]) / usual[1]) ** 2


def _mistakes(n_atoms: float) -> list[Mistake]:
    return [
        Mistake("", 1.0),
        *(Mistake(f"energies were in {u}", 1 / e) for u, e in _foreign(ENERGY_UNITS)),
        *(Mistake(f"forces were in {u}", f, force=f) for u, f in _foreign(FORCE_UNITS)),
        *(Mistake(f"positions were in {u}", x, length=x) for u, x in LENGTHS.items()),
        *[Mistake("energies were per atom", 1 / n_atoms)] * (n_atoms > 1),
    ]


def _foreign(units: Mapping[str, float]) -> list[tuple[str, float]]:
    return [(unit, size) for unit, size in units.items() if size != 1]


def _fitting_units(force: float) -> list[str]:
    """Return the units in which ``force`` would be of a usual size, the best first."""
    low, high = FORCES
    usual = np.sqrt(low * high)
    by_size = sorted(FORCE_UNITS, key=lambda unit: abs(np.log(force * FORCE_UNITS[unit] / usual)))
    fitting = [unit for unit in by_size if low <= force * FORCE_UNITS[unit] <= high]
    return fitting or ["an unknown unit"]
