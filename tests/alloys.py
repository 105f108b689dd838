"""Binary alloys labelled by effective medium theory, which ase has for Cu, Ni, Pd, Ag, Pt, Au."""

from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

LATTICE_CONSTANT = {"Cu": 3.6, "Ni": 3.5, "Pd": 3.9, "Ag": 4.1, "Pt": 3.9, "Au": 4.1}
"""Å, of face-centred cubic crystals."""


def alloys(
    elements: tuple[str, str], n_frames: int, seed: int = 0, temperature_k: float | None = None
) -> list[Atoms]:
    """Return rattled 4-atom cells with 0 to 4 atoms of the second element in turn, and labels.

    Lattice constants follow Vegard's law. A temperature is stated if it is given.
    """
    generator = np.random.default_rng(seed)
    found = []
    for number in range(n_frames):
        n_second = number % 5
        share = n_second / 4
        first, second = (LATTICE_CONSTANT[element] for element in elements)
        atoms = bulk(elements[0], a=(1 - share) * first + share * second, cubic=True)
        atoms.symbols[generator.permutation(4)[:n_second]] = elements[1]
        atoms.positions += generator.normal(scale=0.1, size=(4, 3))
        atoms.calc = EMT()
        atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()
        if temperature_k is not None:
            atoms.info["temperature_k"] = temperature_k
        found.append(atoms)
    return found


def write_alloys(
    folder: Path,
    elements: tuple[str, str],
    n_frames: int,
    seed: int = 0,
    temperature_k: float | None = None,
) -> Path:
    """Write alloys to a file and return it."""
    path = folder / f"{'-'.join(elements).lower()}.extxyz"
    ase.io.write(path, alloys(elements, n_frames, seed, temperature_k), format="extxyz")
    return path
