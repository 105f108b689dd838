"""Energies that the bonds of a structure do not explain, alone or in a second cluster."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from tlbench.data.frames import Floats, Frames
from tlbench.inspection.checks.bonding import (
    bonding,
    by_composition,
    columns,
    fit_energies,
    have_alike,
)
from tlbench.inspection.checks.environments import fingerprints
from tlbench.inspection.collection import Collection
from tlbench.inspection.finding import Finding, measured
from tlbench.inspection.geometry import structures_of

Mask = npt.NDArray[np.bool_]

FEWEST_FRAMES = 10
"""Frames of one composition whose energies are compared."""

FEWEST_MOVED = 3
"""Frames that make a second reference; fewer are outliers."""

SAME_STRUCTURE = 0.05
"""Difference of fingerprints (Å) of frames that differ by no more than thermal displacements.

Every other frame of copper of Zuo et al. is within 0.04 of one of the rest (nine of ten frames).
Crystals and liquids of silicon and germanium are 0.5 apart, fcc and bcc tungsten 0.8, and two
chemical orders of a binary alloy of Li et al. whose energies differ by 0.4 eV/atom 0.12.
"""

LEAST = 0.2
"""Difference (eV/atom) that frames of the same structure may have.

Bonds leave up to 0.19 in molybdenum and tungsten; in silicon and germanium, where they leave up
to 0.46, ten spreads are more than that.
"""

LARGEST = 1.5
"""Difference (eV/atom) that frames bonded alike may have.

Liquid and crystalline silicon differ by 0.85 at equal attraction and repulsion.
"""

BEYOND_BONDS = 30.0
"""Difference (eV/atom) that no change of bonds explains; the cohesive energy of tungsten is 8.9."""

SPREADS = 10.0
"""Smallest difference of all these in robust standard deviations of what the fit leaves."""

CLEAR = 4.0
"""Distance of two references in residuals that 95 % of the comparable frames are below."""


@dataclass(frozen=True)
class Likeness:
    """Which frames of one composition can be compared with which."""

    frames: Frames
    bonds: Floats

    @cached_property
    def fingerprints(self) -> Floats:
        """What `fingerprint` returns for each frame, (frames, features), Å."""
        return np.array(fingerprints(structures_of(self.frames)))

    def comparable(self, some: Mask, others: Mask, difference: float) -> Mask:
        """Return which of ``some`` has one among ``others`` that rules out a physical reason.

        Parameters
        ----------
        some, others
            Masks of frames, (frames,), each of at least one.
        difference
            Difference of energies that is to be explained, eV/atom. A small one may come from a
            phase or from chemical order, so it needs another frame of the same structure; a larger
            one needs a frame that is bonded alike, and one above ``BEYOND_BONDS`` none.

        Returns
        -------
        Mask
            Shape (number of ``some``,).
        """
        if difference >= BEYOND_BONDS:
            return np.ones(int(some.sum()), dtype=bool)
        if difference >= LARGEST:
            return have_alike(self.bonds[some], self.bonds[others])
        prints = self.fingerprints
        near = cKDTree(prints[others]).query(prints[some], p=np.inf)[0]
        return np.asarray(near <= SAME_STRUCTURE)


@dataclass(frozen=True)
class References:
    """Frames that have another energy reference than the rest.

    ``moved`` (frames,) is true for them; ``offset`` is how far they lie above the others, eV/atom,
    and ``residual`` (frames,) what bonds and offset leave unexplained.
    """

    moved: Mask
    offset: float
    residual: Floats


def check_energies(collection: Collection) -> Iterator[Finding]:
    """Find a second energy reference, and single energies far from the others.

    Energies per atom of one composition are compared with what bonds explain. Frames that no
    other has the structure of (a liquid among crystals) may lie up to ``LARGEST`` away, and those
    that no other is bonded alike to (a dimer) up to ``BEYOND_BONDS``.
    """
    frames = collection.frames
    bonds = bonding(frames)
    per_atom = frames.energy / frames.n_atoms
    for members in by_composition(frames, FEWEST_FRAMES):
        names = collection.names[members]
        likeness = Likeness(frames.select(members), bonds[members])
        two = find_references(likeness, per_atom[members])
        outlying = _outliers(likeness, two.residual)
        for name in names[two.moved & ~outlying]:
            yield _other_reference(str(name), two)
        for index in np.flatnonzero(outlying):
            yield _outlier(str(names[index]), two, float(two.residual[index]))


def _outlier(name: str, two: References, residual: float) -> Finding:
    return measured(
        "warning",
        "energy-outlier",
        name,
        f"Energy per atom {{0:,.2f}} eV {'above' if residual > 0 else 'below'} what its bonds "
        f"explain, going by the other {len(two.moved) - 1} frames of its composition (spread "
        f"{_spread(two.residual):.2g} eV); the electronic structure may not have converged.",
        abs(residual),
    )


def _other_reference(name: str, two: References) -> Finding:
    return measured(
        "warning",
        "energy-reference",
        name,
        f"Energies per atom {abs(two.offset):,.2f} eV {'above' if two.offset > 0 else 'below'} "
        f"those of the other {int((~two.moved).sum())} frames of the same composition, which no "
        f"difference of bonds explains (spread {_spread(two.residual):.2g} eV): two energy "
        "references, such as total and cohesive energies, or two codes.",
    )


def find_references(likeness: Likeness, energies: Floats) -> References:
    """Divide frames of one composition by the energy reference that they have, if there are two.

    Both references share the coefficients of the bonds. The division starts at the widest gap
    of the energies, or of what the bonds leave of them, and is repeated until every frame is with
    the reference that it is nearer to.

    Parameters
    ----------
    likeness
        The frames.
    energies
        Energies per atom (frames,), eV.
    """
    features = columns(likeness.bonds)
    left = energies - features @ fit_energies(features, energies)
    best = References(np.zeros(len(energies), dtype=bool), 0.0, left)
    clearest = 0.0
    for values in (energies, left):
        found = _divide(features, energies, _above_gap(values))
        if found is None or not _is_clear(found, likeness):
            continue
        clearness = abs(found.offset) / max(_spread(found.residual), 1e-9)
        if clearness > clearest:
            best, clearest = found, clearness
    return best


def _divide(features: Floats, energies: Floats, moved: Mask) -> References | None:
    """Return the smaller part as moved; None if no two parts of enough frames are left."""
    for _ in range(10):
        if min(moved.sum(), (~moved).sum()) < FEWEST_MOVED:
            return None
        found = fit_energies(np.column_stack([features, moved]), energies)
        offset = float(found[-1])
        left = energies - features @ found[:-1]
        nearer = np.abs(left - offset) < np.abs(left)
        if (nearer == moved).all():
            break
        moved = nearer
    residual = left - offset * moved
    if 2 * moved.sum() > len(moved):
        moved, offset = ~moved, -offset
    return References(moved, offset, residual)


def _above_gap(values: Floats) -> Mask:
    """Return which values are above the widest gap that leaves enough on both sides."""
    ranked = np.sort(values)
    gaps = np.diff(ranked)[FEWEST_MOVED - 1 : len(values) - FEWEST_MOVED]
    low = FEWEST_MOVED - 1 + int(np.argmax(gaps))
    above: Mask = values > (ranked[low] + ranked[low + 1]) / 2
    return above


def _is_clear(found: References, likeness: Likeness) -> bool:
    offset = abs(found.offset)
    if offset < max(LEAST, SPREADS * _spread(found.residual)):
        return False
    comparable = np.zeros(len(found.moved), dtype=bool)
    for some in (found.moved, ~found.moved):
        comparable[some] = likeness.comparable(some, ~some, offset)
    if max(comparable[found.moved].mean(), comparable[~found.moved].mean()) < 0.5:
        return False
    # Bonds may explain rare structures badly, such as dimers.
    most = float(np.quantile(np.abs(found.residual[comparable]), 0.95))
    return offset >= CLEAR * most


def _outliers(likeness: Likeness, residual: Floats) -> Mask:
    outlying = np.zeros(len(residual), dtype=bool)
    for least in (LEAST, LARGEST, BEYOND_BONDS):
        far = np.abs(residual) > max(least, SPREADS * _spread(residual))
        if far.any() and not far.all():
            outlying[far] |= likeness.comparable(far, ~far, least)
    return outlying


def _spread(residual: Floats) -> float:
    """Return the standard deviation (eV/atom) of a normal distribution of the same middle half."""
    return 1.4826 * float(np.median(np.abs(residual - np.median(residual))))
