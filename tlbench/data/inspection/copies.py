"""Copies of a structure, however it is turned, mirrored, shifted, renumbered or repeated."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tlbench.data.frames import Floats, Frames, Ints
from tlbench.data.inspection.collection import Collection
from tlbench.data.inspection.finding import Finding, listed, measured
from tlbench.data.inspection.forces import has_forces
from tlbench.data.inspection.geometry import NONE_NEAR, Structure, nearest, structures_of
from tlbench.data.origins import SPLITS

NEIGHBOURS = 32
"""Neighbours that describe an atom: at least two shells of diamond, fcc or bcc crystals, and some
of the third, so that stacking and the order of the elements in the second shell count."""

TOLERANCE = 3e-3
"""Largest change (Å) of a distance between copies.

Coordinates rounded to a thousandth of an Å are within it. An atom of a heavy element moves
farther in two femtoseconds at room temperature, so that neighbours in time are not copies; neither
are crystals whose strains differ by 0.2 %.
"""

Key = tuple[object, ...]


@dataclass(frozen=True)
class Shape:
    """A structure by its distances alone: on no choice of axes, origin, cell or numbering."""

    structure: Structure

    @cached_property
    def key(self) -> Key:
        """What two copies have in common exactly: composition and kind of periodicity.

        The composition is reduced, so that a crystal and a supercell of it have the same key; a
        molecule is not a supercell of anything.
        """
        elements, counts = np.unique(self.structure.atomic_numbers, return_counts=True)
        repeats = np.gcd.reduce(counts) if self.structure.pbc.any() else 1
        return (
            int(self.structure.pbc.sum()),
            *zip(elements.tolist(), (counts // repeats).tolist(), strict=True),
        )

    @cached_property
    def fingerprint(self) -> Floats:
        """One vector (features,), in Å, by which copies are looked up.

        Mean and standard deviation over the atoms of each element of their ``environments``, and
        the size of the whole. No component changes by more than the largest change of a distance.
        """
        parts, surroundings = [], self.environments()
        for element in np.unique(self.structure.atomic_numbers):
            of_element = surroundings[self.structure.atomic_numbers == element, 1:]
            parts += [of_element.mean(axis=0), of_element.std(axis=0)]
        return np.concatenate([*parts, [_size(self.structure)]])

    def environments(self) -> Floats:
        """Return how each atom is surrounded, shape (n_atoms, features), in Å.

        For each element, the distances to the atoms of that element among the ``NEIGHBOURS``
        nearest atoms, ascending and filled up with the distance to the farthest of these, so that
        nothing jumps when atoms swap ranks: if no distance changes by more than some amount, no
        feature does. Where there are fewer neighbours, features are zero. The first feature is
        the atomic number.
        """
        numbers = self.structure.atomic_numbers
        distance, index = nearest(self.structure, NEIGHBOURS)
        missing = index == NONE_NEAR
        reach = np.where(missing, -np.inf, distance).max(axis=1, initial=0.0)[:, None]
        species = np.where(missing, -1, numbers[index])
        columns = [numbers[:, None].astype(np.float64)]
        for element in np.unique(numbers):
            own = np.where(species == element, distance, reach)
            columns.append(np.where(np.sort(missing, axis=1), 0.0, np.sort(own, axis=1)))
        return np.concatenate(columns, axis=1)

    def difference(self, other: "Shape") -> float:
        """Return how far the ``environments`` of two structures are apart (Å).

        The largest change of a feature between an atom of one and the most similar atom of the
        other, over all atoms of both (Hausdorff distance, maximum norm). A copy has 0 up to
        rounding.
        """
        from scipy.spatial import cKDTree

        first, second = self.environments(), other.environments()
        if first.shape[1] != second.shape[1]:
            return float("inf")
        there = cKDTree(first).query(second, p=np.inf)[0]
        back = cKDTree(second).query(first, p=np.inf)[0]
        return float(max(np.max(there), np.max(back)))


def shapes_of(frames: Frames) -> list[Shape]:
    """Return the shape of each structure."""
    return [Shape(structure) for structure in structures_of(frames)]


def by_key(shapes: Sequence[Shape]) -> list[Ints]:
    """Return the indices of the shapes of each key."""
    found: dict[Key, list[int]] = defaultdict(list)
    for index, shape in enumerate(shapes):
        found[shape.key].append(index)
    return [np.array(members, dtype=np.int64) for members in found.values()]


def same_shapes(shapes: Sequence[Shape]) -> Iterator[Ints]:
    """Yield the groups of two or more shapes that are copies of one, as indices.

    Candidates are found with a tree over fingerprints, which misses no copy, and compared atom
    by atom.
    """
    for members in by_key(shapes):
        if len(members) > 1:
            for group in _groups([shapes[index] for index in members]):
                yield members[group]


def _groups(shapes: Sequence[Shape]) -> Iterator[Ints]:
    """Yield the groups among shapes of one key."""
    from scipy.spatial import cKDTree

    tree = cKDTree([shape.fingerprint for shape in shapes])
    free = np.ones(len(shapes), dtype=bool)
    for first, shape in enumerate(shapes):
        if not free[first]:
            continue
        free[first] = False
        near = tree.query_ball_point(shape.fingerprint, TOLERANCE, p=np.inf)
        copies = [i for i in sorted(near) if free[i] and shape.difference(shapes[i]) <= TOLERANCE]
        if copies:
            free[copies] = False
            yield np.array([first, *copies], dtype=np.int64)


def copies_among(shapes: Sequence[Shape], references: Sequence[Shape]) -> npt.NDArray[np.bool_]:
    """Return which shapes are copies of one of the references, shape (shapes,)."""
    from scipy.spatial import cKDTree

    known: dict[Key, list[Shape]] = defaultdict(list)
    for reference in references:
        known[reference.key].append(reference)
    trees = {key: cKDTree([one.fingerprint for one in some]) for key, some in known.items()}

    def is_copy(shape: Shape) -> bool:
        if shape.key not in trees:
            return False
        near = trees[shape.key].query_ball_point(shape.fingerprint, TOLERANCE, p=np.inf)
        return any(shape.difference(known[shape.key][index]) <= TOLERANCE for index in near)

    return np.array([is_copy(shape) for shape in shapes], dtype=bool)


def _size(structure: Structure) -> float:
    """Return a length (Å) that far-apart fragments change.

    The edge of the cube that has an atom's share of the cell, or of a molecule the root-mean-square
    distance of its atoms from their centre.
    """
    x = structure.positions
    if structure.pbc.all():
        return float((abs(np.linalg.det(structure.cell)) / len(structure)) ** (1 / 3))
    if structure.pbc.any():
        return 0.0
    return float(np.sqrt(((x - x.mean(axis=0)) ** 2).sum(axis=1).mean()))


def check_copies(collection: Collection, shapes: Sequence[Shape]) -> Iterator[Finding]:
    """Find frames that are the same structure, however turned, mirrored, shifted or numbered.

    Cells of other shape or size that repeat to the same crystal count as the same structure. A
    validation or test frame that is in an earlier part too is an error, unless symmetry
    makes its forces vanish, as in strained perfect crystals: then it has no force to learn or
    to be tested on, and it is a warning, as are copies within a part.
    """
    used = np.flatnonzero(~collection.unused)
    for group in same_shapes([shapes[index] for index in used.tolist()]):
        by_part: dict[str, list[int]] = defaultdict(list)
        for frame in used[group]:
            by_part[str(collection.parts[frame])].append(int(frame))
        # Of two copies, the one in the later part is reported.
        first, *later = (part for part in ("", *SPLITS) if part in by_part)
        for part in (first, *later):
            if len(by_part[part]) > 1:
                yield _duplicate(collection, by_part[part])
        for part in later:
            for frame in by_part[part]:
                yield _leak(collection, frame, by_part[first][0])


def _duplicate(collection: Collection, frames: Sequence[int]) -> Finding:
    first, *rest = frames
    agreement, shift = _agreement(collection, rest, first)
    return measured(
        "warning",
        "duplicate",
        str(collection.names[first]),
        f"The same structure is given again, as {{0}} ({agreement}).",
        listed([str(collection.names[frame]) for frame in rest]),
        shift,
        len(frames),
        several=f"Each of these structures is given {{2}} times in its part ({agreement}).",
    )


def _leak(collection: Collection, frame: int, original: int) -> Finding:
    still = not has_forces(collection.frames.select([frame]))[0]
    excuse = "; no forces, by symmetry" if still else ""
    agreement, shift = _agreement(collection, [frame], original)
    part = collection.parts[frame]
    earlier = "training" if collection.parts[original] == "train" else collection.parts[original]
    return measured(
        "warning" if still else "error",
        "leak",
        str(collection.names[frame]),
        f"In the {part} part, this is the same structure as {{0}} of the {earlier} part "
        f"({agreement}{excuse}).",
        str(collection.names[original]),
        shift,
        several=f"In the {part} part, each is the same structure as one of the {earlier} part "
        f"({agreement}{excuse}).",
    )


def _agreement(collection: Collection, copies: Sequence[int], original: int) -> tuple[str, float]:
    """Return whether energies agree, with ``{1}`` in place of the largest difference, and this."""
    per_atom = collection.frames.energy / collection.frames.n_atoms
    shift = 1e3 * float(np.abs(per_atom[copies] - per_atom[original]).max())
    if shift < 0.01:
        return "energies agree", shift
    return "but energies differ by {1:.3g} meV/atom", shift
