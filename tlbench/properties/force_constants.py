"""Force constants of a crystal, by finite displacements in a supercell."""

from typing import TYPE_CHECKING

import numpy as np

from tlbench.properties.evaluation import finite
from tlbench.properties.spec import Report

if TYPE_CHECKING:
    from ase import Atoms
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms

DISPLACEMENT = 0.01
"""Distance by which an atom is displaced, Å."""


def force_constants(crystal: "Atoms", width: float, report: Report) -> "Phonopy | None":
    """Return the phonons of a relaxed crystal, None if forces are not finite.

    Parameters
    ----------
    crystal
        A relaxed cell, primitive or not, with its calculator.
    width
        Distance of opposite faces of the supercell at least, Å.
    """
    from ase import Atoms
    from phonopy import Phonopy

    primitive = primitive_cell(crystal)
    heights = 1 / np.linalg.norm(np.linalg.inv(primitive.cell), axis=0)
    repeats = 2 * np.ceil(width / heights / 2).astype(int)
    phonons = Phonopy(primitive, np.diag(repeats), primitive_matrix="P")
    phonons.generate_displacements(distance=DISPLACEMENT)
    forces, supercells = [], phonons.supercells_with_displacements or []
    for step, each in enumerate(supercells):
        atoms = Atoms(each.numbers, each.positions, cell=each.cell, pbc=True)
        atoms.calc = crystal.calc
        found = finite(atoms, "forces")
        if found is None:
            return None
        forces.append(found)
        report(step + 1, len(supercells))
    phonons.forces = np.array(forces)
    phonons.produce_force_constants(calculate_full_force_constants=False, show_drift=False)
    phonons.symmetrize_force_constants(show_drift=False)
    return phonons


def primitive_cell(crystal: "Atoms") -> "PhonopyAtoms":
    """Return the primitive cell of a crystal, with the masses of ase."""
    from phonopy.structure.atoms import PhonopyAtoms
    from phonopy.structure.cells import get_primitive, guess_primitive_matrix

    cell = PhonopyAtoms(
        numbers=crystal.numbers,
        cell=crystal.cell.array,
        scaled_positions=crystal.get_scaled_positions(),
        masses=crystal.get_masses(),
    )
    return get_primitive(cell, guess_primitive_matrix(cell))
