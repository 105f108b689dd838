"""Small structures for the tests: crystals, disordered and skewed cells."""

import numpy as np
from ase import Atoms
from ase.build import bulk

from tlbench.data.frames import Frames

LATTICE_CONSTANT = {"Si": 5.430950, "Ge": 5.653621}
"""Conventional diamond cell at zero stress, Å."""


def diamond(
    element: str = "Si",
    repeats: tuple[int, int, int] = (1, 1, 1),
    rattle: float = 0.0,
    seed: int = 0,
    lattice_constant: float | None = None,
    primitive: bool = False,
) -> Frames:
    """Return a diamond crystal of 8-atom (or primitive 2-atom) cells.

    Every coordinate is moved by a normal deviate of width ``rattle`` (Å).
    """
    a = lattice_constant or LATTICE_CONSTANT[element]
    atoms = bulk(element, "diamond", a=a, cubic=not primitive) * repeats
    atoms.positions += rattle * np.random.default_rng(seed).standard_normal((len(atoms), 3))
    return Frames.unlabelled([atoms])


def liquid(element: str = "Si", n_atoms: int = 32, seed: int = 0) -> Frames:
    """Return atoms at random in a cube of the crystal's density, no two of them very close."""
    width = LATTICE_CONSTANT[element] * (n_atoms / 8) ** (1 / 3)
    return _random_packing(element, np.eye(3) * width, n_atoms, seed)


def skewed(element: str = "Si", n_atoms: int = 4, seed: int = 0) -> Frames:
    """Return atoms at random in a strongly skewed cell of the crystal's density."""
    shape = np.array([[1.0, 0.0, 0.0], [0.55, 0.9, 0.1], [-0.45, 0.5, 1.05]])
    volume = LATTICE_CONSTANT[element] ** 3 * n_atoms / 8
    cell = shape * (volume / np.linalg.det(shape)) ** (1 / 3)
    return _random_packing(element, cell, n_atoms, seed)


def surface(element: str = "Si", seed: int = 0) -> Frames:
    """Return a rattled slab of four layers with vacuum on both sides, periodic in the plane."""
    atoms = bulk(element, "diamond", a=LATTICE_CONSTANT[element], cubic=True) * (1, 1, 2)
    atoms.center(vacuum=6.0, axis=2)
    atoms.pbc = (True, True, True)
    atoms.positions += 0.1 * np.random.default_rng(seed).standard_normal((len(atoms), 3))
    return Frames.unlabelled([atoms])


def _random_packing(element: str, cell: np.ndarray, n_atoms: int, seed: int) -> Frames:
    shortest = 0.35 * LATTICE_CONSTANT[element]
    generator = np.random.default_rng(seed)
    atoms = Atoms(cell=cell, pbc=True)
    while len(atoms) < n_atoms:
        trial = atoms + Atoms(element, positions=generator.random((1, 3)) @ cell)
        others = list(range(len(atoms)))
        if not others or trial.get_distances(-1, others, mic=True).min() > shortest:
            atoms = trial
    return Frames.unlabelled([atoms])
