"""How strongly the atoms of a frame are bonded, and the energies that this explains.

In the second-moment approximation of tight binding (Gupta, Phys. Rev. B 23, 6265 (1981); Cleri and
Rosato, Phys. Rev. B 48, 22 (1993)) the energy of an atom is

    E_i = A Σ_j e^{−p (x_ij − 1)} − B (Σ_j e^{−2q (x_ij − 1)})^{1/2}

Here x is a distance in sums of covalent radii, and p and q are the same for all elements, so that
the energy of a frame is linear in two numbers. Fitted to the frames of one composition it
explains surfaces, vacancies, dimers and compressed or molten crystals: to 0.1 eV/atom in the DFT
metals of Zuo et al. and Li et al., to 0.5 eV/atom in silicon and germanium, where angles count,
and to 0.8 of 40 eV/atom in strongly compressed tantalum.
"""

from collections import defaultdict

import numpy as np
import numpy.typing as npt

from tlbench.data.frames import Floats, Frames, Ints
from tlbench.inspection.geometry import pairs_within, structures_of

REPULSION, ATTRACTION = 10.0, 2.5
"""The exponents p and q."""

FULL, REACH = 1.5, 1.9
"""Distances in sums of covalent radii between which neighbours fade out."""

ALIKE = (0.1, 0.3)
"""Relative differences of attraction and repulsion up to which two frames are bonded alike.

Crystals at different temperatures are; a crystal and a dimer are not, nor are a crystal and the
same crystal compressed by 5 % in length.
"""

NOTHING = 1e-3
"""What is added to both so that an isolated atom has a logarithm."""

STEPS = 30
SMALLEST = 1e-4
"""Steps of the robust fit, and the residual (eV/atom) below which weights do not grow."""


def bonding(frames: Frames) -> Floats:
    """Return attraction and repulsion of each frame, averaged over its atoms, (frames, 2)."""
    from ase.data import covalent_radii

    found = np.zeros((len(frames), 2))
    for index, structure in enumerate(structures_of(frames)):
        radii = covalent_radii[structure.atomic_numbers]
        pairs = pairs_within(structure, 2 * REACH * float(radii.max()))
        x = pairs.distance / (radii[pairs.centre] + radii[pairs.neighbour])
        fading = np.clip((REACH - x) / (REACH - FULL), 0, 1)
        band = np.exp(-2 * ATTRACTION * (x - 1)) * fading
        found[index, 0] = np.sqrt(np.bincount(pairs.centre, band, len(structure))).mean()
        found[index, 1] = (np.exp(-REPULSION * (x - 1)) * fading).sum() / len(structure)
    return found


def by_composition(frames: Frames, fewest: int) -> list[Ints]:
    """Return the indices of frames of each composition that ``fewest`` or more frames have.

    The composition is reduced: a supercell has that of its unit cell.
    """
    found: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for index, structure in enumerate(structures_of(frames)):
        elements, counts = np.unique(structure.atomic_numbers, return_counts=True)
        found[*elements.tolist(), *(counts // np.gcd.reduce(counts)).tolist()].append(index)
    return [np.array(members) for members in found.values() if len(members) >= fewest]


def fit_energies(features: Floats, energies: Floats) -> Floats:
    """Return coefficients (columns,) of the smallest sum of absolute residuals.

    A few wrong energies do not move them. ``features`` are (frames, columns), ``energies``
    (frames,) in eV/atom; least squares are reweighted until they no longer are.
    """
    weight = np.ones(len(energies))
    for _ in range(STEPS):
        root = np.sqrt(weight)
        found = np.linalg.lstsq(features * root[:, None], energies * root, rcond=None)[0]
        weight = 1 / np.maximum(np.abs(energies - features @ found), SMALLEST)
    return np.asarray(found, dtype=np.float64)


def columns(bonds: Floats) -> Floats:
    """Return what energies are fitted with: 1, and both features standardised, (frames, 3)."""
    spread = bonds.std(axis=0)
    standard = (bonds - bonds.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return np.column_stack([np.ones(len(bonds)), standard])


def have_alike(some: Floats, others: Floats) -> npt.NDArray[np.bool_]:
    """Return which of ``some`` (n, 2) is bonded alike to any of ``others`` (m, 2), shape (n,)."""
    from scipy.spatial import cKDTree

    scaled = [np.log(bonds + NOTHING) / ALIKE for bonds in (some, others)]
    near = cKDTree(scaled[1]).query(scaled[0], p=np.inf)[0]
    return np.asarray(near <= 1)
