"""Energies and forces whose units do not belong together."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tlbench.data.frames import Floats, Frames, Ints
from tlbench.inspection.checks.linear_potential import LinearPotential, fit
from tlbench.inspection.checks.magnitudes import closest_in_radii
from tlbench.inspection.checks.misreadings import misreadings
from tlbench.inspection.collection import Collection
from tlbench.inspection.finding import EVERYWHERE, Finding
from tlbench.inspection.force_sizes import typical_force
from tlbench.inspection.geometry import nearest, structures_of

FITTED_ATOMS = 3000
"""Atoms whose forces are fitted or tested; a third of the frames tests."""

PREDICTED_ATOMS = 15_000
"""Atoms of the frames whose energies are compared."""

REACH = 2.0
"""Cutoff in units of the median distance of the closest pair, whatever the unit of length."""

MIN_FRAMES = 12
MAX_ATOMS = 1000
MAX_ELEMENTS = 6
MIN_R_SQUARED = 0.7
"""Share of the variance of unseen forces that the fit must explain before it is believed.

It explains 0.95 to 0.99 in the DFT data of Zuo et al.
"""

VOLUME_BIN = 0.02
"""Frames whose volume per atom differs by less than this fraction are compared.

Forces at one volume hardly determine the energy at another.
"""

MAX_SPREAD = 0.75
"""Range of the middle half of the ratios over their median that a mistake of units leaves.

It is 0.02 to 0.5 in dynamics and strained crystals of Zuo et al. and Li et al., and 1.0 to 150 in
the solid solutions of Li et al. (npj Comput. Mater. 6, 70 (2020)), where chemical order decides.
"""

UNSUSPICIOUS = 1.37
"""Largest factor, either way, that the fit may cause: the root of Å over bohr, the nearest ratio.

Unscaled data of Zuo et al. are at 0.97 to 1.15.
"""


@dataclass(frozen=True)
class Scale:
    """What energies are, compared with what forces imply.

    ``slope`` is the ratio; ``r_squared`` the share of unseen forces' variance that the fit
    explains; ``n_differences`` the number of energy differences compared. ``doubt`` says why
    the slope means nothing, if it does not.
    """

    slope: float = float("nan")
    r_squared: float = float("nan")
    n_differences: int = 0
    doubt: str = ""


def check_energy_scale(collection: Collection) -> Iterator[Finding | str]:
    """Compare energies with what a potential fitted to the forces predicts.

    A mistake in the unit of energies, forces or positions makes the ratio a known number. Yields
    a sentence instead of a finding where nothing can be said.
    """
    frames = collection.frames
    scale = measure_scale(frames)
    if scale.doubt:
        yield f"Units of energies were not compared with those of forces: {scale.doubt}."
        return
    if scale.slope > 0 and abs(np.log(scale.slope)) < np.log(UNSUSPICIOUS):
        return
    found = misreadings(
        scale.slope,
        typical_force(frames),
        closest_in_radii(frames),
        float(np.median(frames.n_atoms)),
    )
    what = (
        f"Energies vary {scale.slope:.3g} times as much as forces imply (by a simple potential "
        f"fitted to them; R² {scale.r_squared:.2f} on unseen frames)"
    )
    if found:
        yield Finding("warning", "units", EVERYWHERE, f"{what}: as if {', or '.join(found)}.")
    else:
        yield f"{what}; no known mistake of units has this ratio."


def measure_scale(frames: Frames, seed: int = 0) -> Scale:
    """Fit a potential to forces and regress energies on its predictions.

    ``seed`` draws the frames that are fitted, tested and compared where there are many.
    """
    frames = frames.select(frames.n_atoms <= MAX_ATOMS)
    elements = tuple(frames.elements())
    if len(frames) < MIN_FRAMES:
        return Scale(
            doubt=f"there are fewer than {MIN_FRAMES} structures of at most {MAX_ATOMS} atoms"
        )
    if len(elements) > MAX_ELEMENTS:
        return Scale(doubt=f"there are more than {MAX_ELEMENTS} elements")
    order = np.random.default_rng(seed).permutation(len(frames))
    drawn = structures_of(frames.select(order[:50]))
    closest = np.array([nearest(structure, 1)[0].min() for structure in drawn])
    bonded = closest[np.isfinite(closest)]
    if not len(bonded):
        return Scale(doubt="no atom has a neighbour")
    potential = LinearPotential(elements, REACH * float(np.median(bonded)))
    sample = order[_first_atoms(frames.n_atoms[order], FITTED_ATOMS)]
    training, unseen = sample[len(sample) // 3 :], sample[: len(sample) // 3]
    if 3 * int(frames.n_atoms[training].sum()) < 2 * potential.n_coefficients or not len(unseen):
        return Scale(doubt="there are too few forces to fit a potential to")
    coefficients = fit(*_forces(potential, frames, training))
    features, forces = _forces(potential, frames, unseen)
    if not forces.any():
        return Scale(doubt="most forces are zero")
    r_squared = 1 - float(((features @ coefficients - forces) ** 2).sum() / (forces**2).sum())
    if r_squared < MIN_R_SQUARED:
        return Scale(
            r_squared=r_squared,
            doubt="a simple potential fitted to the forces has an R² of only "
            f"{r_squared:.2f} on unseen frames",
        )
    chosen = order[_first_atoms(frames.n_atoms[order], PREDICTED_ATOMS)]
    predicted = [potential.energy_features(frames, int(i)) @ coefficients for i in chosen]
    per_atom = frames.n_atoms[chosen]
    slopes = _slopes(frames, chosen, np.array(predicted) / per_atom)
    if len(slopes) < MIN_FRAMES:
        return Scale(r_squared=r_squared, doubt="too few structures are alike but for positions")
    low, slope, high = (float(value) for value in np.quantile(slopes, [0.25, 0.5, 0.75]))
    if high - low > MAX_SPREAD * abs(slope):
        return Scale(
            r_squared=r_squared,
            doubt="half of the ratios of energy differences to those that forces imply lie "
            f"between {low:.2g} and {high:.2g}, as where frames differ by chemical order or phase "
            "rather than by displacements",
        )
    return Scale(slope, r_squared, len(slopes))


def _first_atoms(n_atoms: Ints, limit: int) -> Ints:
    """Return the positions of the first frames that have ``limit`` atoms together, or all."""
    enough = int(np.searchsorted(np.cumsum(n_atoms), limit)) + 1
    return np.arange(min(max(enough, MIN_FRAMES), len(n_atoms)))


def _forces(potential: LinearPotential, frames: Frames, indices: Ints) -> tuple[Floats, Floats]:
    features = [potential.force_features(frames, int(index)) for index in indices]
    return np.concatenate(features), frames.select(indices).forces.ravel()


def _slopes(frames: Frames, chosen: Ints, predicted: Floats) -> Floats:
    """Return energy differences over predicted ones, of frames of one composition and volume.

    Differences are taken between frames some ranks apart in the order of predicted energy: far
    enough apart to exceed the noise, near enough that few of them cross the gap between two
    phases, whose height forces within the phases do not show. The median ignores those few.
    """
    energy = frames.energy[chosen] / frames.n_atoms[chosen]
    alike: dict[object, list[int]] = defaultdict(list)
    for position, structure in enumerate(structures_of(frames.select(chosen))):
        volume = abs(np.linalg.det(structure.cell)) / len(structure) if structure.pbc.all() else 0.0
        bin_ = round(float(np.log(volume)) / VOLUME_BIN) if volume else None
        alike[bin_, *np.sort(structure.atomic_numbers).tolist()].append(position)
    slopes = []
    for members in alike.values():
        ranked = np.array(members)[np.argsort(predicted[members])]
        apart = min(10, max(1, len(ranked) // 2))
        run = predicted[ranked[apart:]] - predicted[ranked[:-apart]]
        rise = energy[ranked[apart:]] - energy[ranked[:-apart]]
        moved = run > 1e-6 * np.ptp(predicted)
        slopes.append(rise[moved] / run[moved])
    return np.concatenate(slopes)
