"""Properties that compare two descriptions of the same physics.

Every function returns the largest error of an atom's energy or force component, relative to
their scale (``prediction.difference``); 0 is perfect, 1 is as large as the forces themselves.
"""

from typing import Any

import numpy as np

from tlbench.data.frames import Floats
from tlbench.models.contract.clause import clause
from tlbench.models.contract.prediction import (
    TARGET,
    AtomicValues,
    difference,
    energies,
    isolated,
    molecule,
    predict,
    rattled,
    small_cell,
)
from tlbench.models.potential import Potential


@clause("does not change when all atoms move together", 1e-10, 1e-4)
def translation(potential: Potential) -> float:
    """Move all atoms by the same vector."""
    atoms = rattled(potential.cutoff)
    moved = atoms.copy()
    moved.positions += potential.cutoff * np.array([0.31, -0.47, 0.23])
    return difference(predict(potential, moved), predict(potential, atoms))


@clause("does not change under rotation, and its forces rotate along", 1e-10, 1e-4)
def rotation(potential: Potential) -> float:
    """Rotate a crystal and a molecule."""
    return _turned(potential, _random_rotation())


@clause("does not change under reflection, and its forces are reflected along", 1e-10, 1e-4)
def reflection(potential: Potential) -> float:
    """Reflect and rotate a crystal and a molecule, neither of which is its mirror image."""
    return _turned(potential, -_random_rotation())


def _random_rotation() -> Floats:
    matrix, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))
    return np.asarray(matrix * np.linalg.det(matrix))


def _turned(potential: Potential, turn: Floats) -> float:
    structures = [rattled(potential.cutoff), molecule(potential.cutoff)]
    turned = []
    for atoms in structures:
        image = atoms.copy()
        image.set_cell(atoms.cell.array @ turn)
        image.positions = atoms.positions @ turn
        turned.append(image)
    before, after = predict(potential, *structures), predict(potential, *turned)
    return difference(after, AtomicValues(before.energies, before.forces @ turn))


@clause("does not depend on the order of the atoms", 1e-10, 1e-4)
def permutation(potential: Potential) -> float:
    """List the atoms in another order."""
    atoms = rattled(potential.cutoff)
    order = np.random.default_rng(3).permutation(len(atoms))
    before = predict(potential, atoms)
    expected = AtomicValues(before.energies[order], before.forces[order])
    return difference(predict(potential, atoms[order]), expected)


@clause("does not change when an atom moves by a lattice vector", 1e-10, 1e-4)
def lattice_translation(potential: Potential) -> float:
    """Move each atom by lattice vectors of its own."""
    worst = 0.0
    for atoms in (rattled(potential.cutoff), small_cell(potential.cutoff)):
        moved = atoms.copy()
        steps = np.random.default_rng(4).integers(-2, 3, size=(len(atoms), 3))
        moved.positions += steps @ atoms.cell.array
        found = difference(predict(potential, moved), predict(potential, atoms))
        worst = float(np.maximum(worst, found))
    return worst


@clause(
    "describes cells smaller than the cutoff, with repeated neighbours and self-images", 1e-10, 1e-4
)
def supercell(potential: Potential) -> float:
    """Describe a cell smaller than the cutoff by a supercell without any repeated neighbour."""
    atoms = small_cell(potential.cutoff)
    repeats = (4, 3, 3)
    unit = predict(potential, atoms)
    copies = int(np.prod(repeats))
    expected = AtomicValues(np.tile(unit.energies, copies), np.tile(unit.forces, (copies, 1)))
    return difference(predict(potential, atoms.repeat(repeats)), expected)


@clause("does not depend on which lattice vectors describe the crystal", 1e-10, 1e-4)
def skewed_cell(potential: Potential) -> float:
    """Describe a crystal by other, strongly skewed lattice vectors of the same lattice."""
    worst = 0.0
    change = np.array([[1, 0, 0], [2, 1, 0], [-1, 3, 1]])
    for atoms in (rattled(potential.cutoff), small_cell(potential.cutoff)):
        skewed = atoms.copy()
        skewed.set_cell(change @ atoms.cell.array)
        skewed.wrap()
        found = difference(predict(potential, skewed), predict(potential, atoms))
        worst = float(np.maximum(worst, found))
    return worst


@clause("gives a doubled cell twice the energy", 1e-10, 1e-5)
def extensivity(potential: Potential) -> float:
    """Double a cell: the error of the doubled total energy, relative to its scale."""
    atoms = rattled(potential.cutoff)
    unit = predict(potential, atoms)
    doubled = energies(potential, atoms.repeat((2, 1, 1)))
    scale = len(doubled) * unit.energy_scale
    return float(abs(doubled.sum() - 2 * unit.energies.sum()) / scale)


@clause("gives the same energies and forces in a batch and alone", 1e-10, 1e-4)
def batching(potential: Potential) -> float:
    """Compute different structures in one batch, isolated atoms among them, or one by one."""
    structures: list[Any] = [
        isolated(),
        rattled(potential.cutoff),
        isolated(TARGET),
        molecule(potential.cutoff),
        small_cell(potential.cutoff),
        isolated(),
    ]
    alone = [predict(potential, atoms) for atoms in structures]
    expected = AtomicValues(
        np.concatenate([one.energies for one in alone]),
        np.concatenate([one.forces for one in alone]),
    )
    return difference(predict(potential, *structures), expected)


@clause("gives no weight to edges longer than the cutoff", 1e-10, 1e-4)
def long_edges(potential: Potential) -> float:
    """Add edges of up to 1.3 cutoffs to the graph."""
    structures = [rattled(potential.cutoff), molecule(potential.cutoff, 1.2)]
    longer = predict(potential, *structures, reach=1.3)
    return difference(longer, predict(potential, *structures))
