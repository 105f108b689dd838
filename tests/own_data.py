"""Files of structures as somebody brings them, of hot Stillinger–Weber crystals."""

from pathlib import Path

from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from tiny import crystals


def write_crystals(
    path: Path, element: str, n_frames: int, seed: int = 0, sign: float = 1.0
) -> Path:
    """Write hot 8-atom crystals with energies and forces, times ``sign``; return the file."""
    frames, structures = crystals(element, n_frames, seed), []
    for number in range(n_frames):
        one = frames.select([number])
        atoms = Atoms(one.atomic_numbers, one.positions, cell=one.cell[0], pbc=True)
        atoms.calc = SinglePointCalculator(
            atoms, energy=sign * float(one.energy[0]), forces=sign * one.forces
        )
        structures.append(atoms)
    write(path, structures)
    return path
