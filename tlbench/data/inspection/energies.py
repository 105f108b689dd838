"""Energies that the same structure cannot have: single ones, or a second energy reference.

Frames of one composition are compared whose neighbours are at the same distances. Those whose
energies are near make a cluster; two clusters with frames of the same structure contradict each
other. The DFT data of Zuo et al. and Li et al. (crystals, liquids, surfaces, strained and vacancy
cells of ten elements, alloys of four) are a single cluster each.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tlbench.data.frames import Floats, Ints
from tlbench.data.inspection.collection import Collection
from tlbench.data.inspection.copies import Shape, by_key
from tlbench.data.inspection.finding import Finding, measured

FEWEST_FRAMES = 10
"""Frames of one composition whose energies are compared."""

FEWEST_MOVED = 3
"""Frames that make a second reference; fewer are outliers."""

COMPARED = 40
"""Frames that each is compared with: so many that are the most alike, and so many at random."""


@dataclass(frozen=True)
class Likeness:
    """How alike frames are that are compared, and the difference of energies that nothing explains.

    Attributes
    ----------
    reach
        Largest difference (Å) of their fingerprints; see `Shape.fingerprint`.
    difference
        Of energies, eV/atom.
    words
        What such frames are called.
    """

    reach: float
    difference: float
    words: str


LEVELS = (
    # The cohesive energy of tungsten is 8.9 eV; compressed tantalum reaches 40 in steps of 12.
    Likeness(np.inf, 15.0, "of the same composition"),
    # Frames of crystals and liquids are 0.5 Å apart, two chemical orders of an alloy 0.12.
    Likeness(0.05, 0.25, "of the same structure"),
)


def check_energies(collection: Collection, shapes: Sequence[Shape]) -> Iterator[Finding]:
    """Find a second energy reference, and single energies far from those of like frames.

    A frame that is like no other (a dimer, a new phase) may have any energy that solids have.
    """
    per_atom = collection.frames.energy / collection.frames.n_atoms
    for members in by_key(shapes):
        prints = np.array([shapes[index].fingerprint for index in members])
        for level in LEVELS:
            if len(members) < FEWEST_FRAMES:
                break
            found = _contradicting(prints, per_atom[members], level)
            for offset, frames in _references(found, level.difference):
                names = [str(name) for name in collection.names[members[frames]]]
                yield from (_finding(name, len(frames), offset, level) for name in names)
            kept = np.ones(len(members), dtype=bool)
            kept[[index for cluster, _ in found for index in cluster]] = False
            members, prints = members[kept], prints[kept]


def _references(
    found: Sequence[tuple[Ints, float]], difference: float
) -> Iterator[tuple[float, Ints]]:
    """Yield offset (eV/atom) and frames of clusters that are equally far off."""
    left = sorted(found, key=lambda each: abs(each[1]))
    while left:
        first = abs(left[0][1])
        same = [each for each in left if abs(each[1]) - first <= max(difference, 0.1 * first)]
        yield float(np.median([offset for _, offset in same])), np.concatenate([c for c, _ in same])
        left = left[len(same) :]


def _contradicting(prints: Floats, energies: Floats, level: Likeness) -> list[tuple[Ints, float]]:
    """Return the clusters that contradict larger ones, and how far they are above them (eV/atom).

    ``prints`` (frames, features) are the fingerprints of the frames, ``energies`` (frames,) in
    eV/atom.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    n = len(prints)
    nearest = np.asarray(cKDTree(prints).query(prints, k=min(COMPARED + 1, n), p=np.inf)[1])
    drawn = np.random.default_rng(0).integers(n, size=(n, COMPARED))
    other = np.concatenate([nearest, drawn], axis=1).ravel()
    one = np.repeat(np.arange(n), len(other) // n)
    alike = np.abs(prints[one] - prints[other]).max(axis=1) <= level.reach
    one, other = one[alike], other[alike]
    near = np.abs(energies[one] - energies[other]) <= level.difference
    edges = coo_array((near[near], (one[near], other[near])), shape=(n, n))
    n_clusters, cluster = connected_components(edges, directed=False)
    size = np.bincount(cluster)
    found = []
    for number in range(n_clusters):
        # The larger is right, and of equal ones the first.
        larger = (size > size[number]) | ((size == size[number]) & (np.arange(n_clusters) < number))
        for a, b in ((one, other), (other, one)):
            against = ~near & (cluster[a] == number) & larger[cluster[b]]
            if against.any():
                offset = np.median(energies[a[against]] - energies[b[against]])
                found.append((np.flatnonzero(cluster == number), float(offset)))
                break
    return found


def _finding(name: str, n_frames: int, offset: float, level: Likeness) -> Finding:
    if n_frames < FEWEST_MOVED:
        return measured(
            "warning",
            "energy-outlier",
            name,
            f"Energy per atom {{0:,.2f}} eV {'above' if offset > 0 else 'below'} that of other "
            f"frames {level.words}; the electronic structure may not have converged.",
            abs(offset),
        )
    return measured(
        "warning",
        "energy-reference",
        name,
        f"Energies per atom of {n_frames} frames are {abs(offset):,.2f} eV off those of other "
        f"frames {level.words}: two energy references, such as total and cohesive energies, or two "
        "codes.",
    )
