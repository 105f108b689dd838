"""Structures that the data hold more than once."""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from tlbench.inspection.checks.environments import (
    Key,
    difference,
    environments,
    fingerprints,
    key_of,
)
from tlbench.inspection.collection import UNUSED, Collection
from tlbench.inspection.finding import Finding, listed, measured
from tlbench.inspection.force_sizes import has_forces
from tlbench.inspection.geometry import Structure, structures_of

TOLERANCE = 3e-3
"""Largest change (Å) of a distance between copies.

Coordinates rounded to a thousandth of an Å are within it. An atom of a heavy element moves
farther in two femtoseconds at room temperature, so that neighbours in time are not copies; neither
are crystals whose strains differ by 0.2 %.
"""

ORDER = {"train": 0, "validation": 1, "test": 2}
"""Order of parts; of two copies, the one in the later part is reported."""


def check_copies(collection: Collection) -> Iterator[Finding]:
    """Find frames that are the same structure, however turned, mirrored, shifted or numbered.

    Cells of other shape or size that repeat to the same crystal count as the same structure. A
    validation or test frame that is in an earlier part too is an error, unless symmetry
    makes its forces vanish, as in strained perfect crystals: then it has no force to learn or
    to be tested on, and it is a warning, as are copies within a part.
    """
    used = np.flatnonzero(collection.parts != UNUSED)
    structures = structures_of(collection.frames.select(used))
    for group in same_structures(structures):
        by_part: dict[str, list[int]] = defaultdict(list)
        for frame in used[group]:
            by_part[str(collection.parts[frame])].append(int(frame))
        parts = sorted(by_part, key=lambda part: ORDER.get(part, len(ORDER)))
        for part in parts:
            first, *rest = by_part[part]
            if rest:
                yield _duplicate(collection, first, rest)
        originals = by_part[parts[0]]
        for part in parts[1:]:
            for frame in by_part[part]:
                yield _leak(collection, frame, originals[0])


def _duplicate(collection: Collection, first: int, rest: list[int]) -> Finding:
    agreement, shift = _agreement(collection, rest, first)
    return measured(
        "warning",
        "duplicate",
        str(collection.names[first]),
        f"The same structure is given again, as {{0}} ({agreement}).",
        listed([str(collection.names[frame]) for frame in rest]),
        shift,
        len(rest) + 1,
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


def _agreement(collection: Collection, copies: list[int], original: int) -> tuple[str, float]:
    """Return whether energies agree, with ``{1}`` in place of the largest difference, and this."""
    per_atom = collection.frames.energy / collection.frames.n_atoms
    shift = 1e3 * float(np.abs(per_atom[copies] - per_atom[original]).max())
    if shift < 0.01:
        return "energies agree", shift
    return "but energies differ by {1:.3g} meV/atom", shift


def same_structures(structures: list[Structure]) -> list[npt.NDArray[np.int64]]:
    """Return the groups of two or more structures that are copies of one, as indices.

    Candidates are found with a tree over fingerprints, which misses no copy, and compared atom
    by atom.
    """
    by_key: dict[Key, list[int]] = defaultdict(list)
    for index, structure in enumerate(structures):
        by_key[key_of(structure)].append(index)
    groups = []
    for indices in by_key.values():
        if len(indices) > 1:
            chosen = [structures[index] for index in indices]
            groups += [np.array(indices)[group] for group in _groups(chosen)]
    return groups


def _groups(structures: list[Structure]) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the groups among structures of one key."""
    from scipy.spatial import cKDTree

    prints = np.array(fingerprints(structures))
    tree = cKDTree(prints)
    free = np.ones(len(structures), dtype=bool)
    for first, point in enumerate(prints):
        if not free[first]:
            continue
        free[first] = False
        candidates = [i for i in tree.query_ball_point(point, TOLERANCE, p=np.inf) if free[i]]
        if not candidates:
            continue
        surroundings = environments(structures[first])
        copies = [
            other
            for other in sorted(candidates)
            if difference(surroundings, environments(structures[other])) <= TOLERANCE
        ]
        if copies:
            free[copies] = False
            yield np.array([first, *copies], dtype=np.int64)
