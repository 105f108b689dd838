"""What stays the same when a structure is turned, mirrored, shifted, renumbered or repeated."""

from collections.abc import Sequence

import numpy as np

from tlbench.data.frames import Floats
from tlbench.inspection.geometry import NONE_NEAR, Structure, nearest

NEIGHBOURS = 16
"""Neighbours that describe an atom: both first shells of diamond, fcc or bcc crystals."""

Key = tuple[object, ...]


def key_of(structure: Structure) -> Key:
    """Return what two copies have in common exactly: composition and kind of periodicity.

    The composition is reduced, so that a crystal and a supercell of it have the same key; a
    molecule is not a supercell of anything.
    """
    elements, counts = np.unique(structure.atomic_numbers, return_counts=True)
    repeats = np.gcd.reduce(counts) if structure.pbc.any() else 1
    return (
        int(structure.pbc.sum()),
        *zip(elements.tolist(), (counts // repeats).tolist(), strict=True),
    )


def environments(structure: Structure) -> Floats:
    """Return how each atom is surrounded, shape (n_atoms, features), in Å.

    For each element, the distances to the atoms of that element among the ``NEIGHBOURS`` nearest
    atoms, ascending and filled up with the distance to the farthest of these, so that
    nothing jumps when atoms swap ranks: if no distance changes by more than some amount, no
    feature does. Where there are fewer neighbours, features are zero. The first feature is
    the atomic number.

    They depend on distances alone: on no choice of axes, origin, cell or numbering.
    """
    distance, index = nearest(structure, NEIGHBOURS)
    missing = index == NONE_NEAR
    reach = np.where(missing, -np.inf, distance).max(axis=1, initial=0.0)[:, None]
    species = np.where(missing, -1, structure.atomic_numbers[index])
    columns = [structure.atomic_numbers[:, None].astype(np.float64)]
    for element in np.unique(structure.atomic_numbers):
        chosen = np.where(species == element, distance, reach)
        columns.append(np.where(np.sort(missing, axis=1), 0.0, np.sort(chosen, axis=1)))
    return np.concatenate(columns, axis=1)


def fingerprint(structure: Structure, surroundings: Floats) -> Floats:
    """Return one vector for the structure, in Å, by which copies are looked up.

    Mean and standard deviation over the atoms of each element of their ``environments``, and
    the size of the whole. No component changes by more than the largest change of a distance.
    """
    parts = []
    for element in np.unique(structure.atomic_numbers):
        chosen = surroundings[structure.atomic_numbers == element, 1:]
        parts += [chosen.mean(axis=0), chosen.std(axis=0)]
    return np.concatenate([*parts, [_size(structure)]])


def difference(first: Floats, second: Floats) -> float:
    """Return how far the ``environments`` of two structures are apart (Å).

    The largest change of a feature between an atom of one and the most similar atom of the
    other, over all atoms of both (Hausdorff distance, maximum norm). A copy has 0 up to rounding.
    """
    from scipy.spatial import cKDTree

    if first.shape[1] != second.shape[1]:
        return float("inf")
    there = cKDTree(first).query(second, p=np.inf)[0]
    back = cKDTree(second).query(first, p=np.inf)[0]
    return float(max(np.max(there), np.max(back)))


def fingerprints(structures: Sequence[Structure]) -> list[Floats]:
    """Return the fingerprint of each structure."""
    return [fingerprint(structure, environments(structure)) for structure in structures]


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
