"""Small structures, in units of the cutoff, in which a wrong backbone shows.

Lengths scale with the cutoff, so every backbone sees the same neighbours. No pair is within
1 % of the cutoff, so finite differences carry no edge across it.
"""

from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk

SOURCE, TARGET = 14, 32
"""Atomic numbers of the two elements: silicon and germanium."""


def crystal(cutoff: float) -> Any:
    """Return a perfect diamond crystal: 2 atoms that neighbour their own images, in line."""
    # Rounded so that coordinates are exact in binary, and atoms in line are so exactly.
    lattice_constant = round(10.4 * cutoff) / 8
    return Atoms(
        [SOURCE, SOURCE],
        positions=[[0.0, 0.0, 0.0], 3 * [lattice_constant / 4]],
        cell=lattice_constant / 2 * (1 - np.eye(3)),
        pbc=True,
    )


def rattled(cutoff: float) -> Any:
    """Return 8 displaced atoms of two elements in a sheared cell, without any symmetry."""
    atoms = bulk("Si", "diamond", a=1.3 * cutoff, cubic=True)
    atoms.numbers[[1, 4, 5]] = TARGET
    shear = np.array([[1.0, 0.0, 0.0], [0.02, 0.99, 0.0], [-0.03, 0.01, 1.01]])
    atoms.set_cell(atoms.cell.array @ shear, scale_atoms=True)
    atoms.positions += cutoff * np.random.default_rng(1).normal(scale=0.02, size=(8, 3))
    return atoms


def small_cell(cutoff: float) -> Any:
    """Return 2 atoms in a skewed cell with all widths below 0.8 cutoff."""
    cell = cutoff * np.array([[0.62, 0.0, 0.0], [0.25, 0.70, 0.05], [-0.20, 0.15, 0.78]])
    return Atoms(
        [SOURCE, TARGET],
        scaled_positions=[[0.05, 0.1, 0.0], [0.47, 0.61, 0.42]],
        cell=cell,
        pbc=True,
    )


def molecule(cutoff: float, distance: float = 0.7) -> Any:
    """Return 4 atoms without a cell, the first and last ``distance`` cutoffs apart."""
    positions = [[0.0, 0.0, 0.0], [-0.45, 0.2, 0.1], [0.5, 0.35, 0.0], [distance, 0.0, 0.0]]
    return Atoms([SOURCE, TARGET, SOURCE, TARGET], positions=cutoff * np.array(positions))


def isolated(element: int = SOURCE) -> Any:
    """Return a single atom without a cell."""
    return Atoms([element], positions=[[0.3, -0.2, 0.1]])
