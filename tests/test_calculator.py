"""A potential as an ``ase`` calculator."""

from typing import Any

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from ase.stress import voigt_6_to_full_3x3_stress

from tlbench.backbones.schnet.config import SchNetConfig
from tlbench.data.frames import Frames
from tlbench.graphs import Graph, graph_of
from tlbench.potential import Potential
from tlbench.testing.prediction import random_potential
from tlbench.testing.structures import molecule, rattled, small_cell
from tlbench.units import GPA

CUTOFF = 4.0


@pytest.fixture
def potential() -> Potential:
    """Return a small SchNet in double precision, with all reference energies zero."""
    config = SchNetConfig(cutoff=CUTOFF, hidden_channels=8, n_filters=8, n_interactions=2)
    made = random_potential(config, torch.float64)
    made.reference_energy.zero_()
    return made


def graph(atoms: Atoms) -> Graph:
    return graph_of(Frames.unlabelled([atoms]), CUTOFF)


def test_it_returns_what_the_potential_predicts(potential: Potential) -> None:
    atoms = rattled(CUTOFF)
    found = potential(graph(atoms), stress=True)
    atoms.calc = potential.calculator()
    assert atoms.get_potential_energy() == float(found.energy)
    np.testing.assert_array_equal(atoms.get_forces(), found.forces.numpy())
    np.testing.assert_allclose(
        atoms.get_stress(voigt=False), found.stress[0].numpy() / GPA, rtol=1e-12, atol=1e-15
    )


def test_forces_are_the_slope_of_its_energy(potential: Potential) -> None:
    atoms = small_cell(CUTOFF)
    atoms.calc = potential.calculator()
    forces = atoms.get_forces()
    step, numerical = 1e-4, np.empty_like(forces)
    for index in np.ndindex(forces.shape):
        energy = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.calc = atoms.calc
            moved.positions[index] += sign * step
            energy.append(moved.get_potential_energy())
        numerical[index] = -(energy[0] - energy[1]) / (2 * step)
    np.testing.assert_allclose(forces, numerical, rtol=0, atol=1e-6 * np.abs(forces).max())


def test_stress_is_in_ev_per_cubic_angstrom_and_positive_in_tension(
    potential: Potential,
) -> None:
    atoms = small_cell(CUTOFF)
    atoms.calc = potential.calculator()
    volume, step = atoms.get_volume(), 1e-5

    def energy(strain: np.ndarray) -> float:
        strained = atoms.copy()
        strained.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
        strained.calc = atoms.calc
        return strained.get_potential_energy()

    numerical = np.empty(6)
    for component, unit in enumerate(np.eye(6)):
        # ase's Voigt order xx yy zz yz xz xy; its strain is the symmetric tensor.
        strain = step * voigt_6_to_full_3x3_stress(unit)
        strain[~np.eye(3, dtype=bool)] /= 2
        numerical[component] = (energy(strain) - energy(-strain)) / (2 * step * volume)
    stress = atoms.get_stress()
    np.testing.assert_allclose(stress, numerical, rtol=0, atol=1e-6 * np.abs(stress).max())
    # The mean normal stress is dE/dV: positive if the crystal gains energy by shrinking.
    grown = energy(step * np.eye(3)) - energy(-step * np.eye(3))
    grown_volume = volume * ((1 + step) ** 3 - (1 - step) ** 3)
    assert stress[:3].mean() == pytest.approx(grown / grown_volume, rel=1e-5)


@pytest.mark.parametrize("pbc", [False, (True, True, False)])
def test_what_is_not_periodic_has_no_stress(potential: Potential, pbc: Any) -> None:
    atoms = molecule(CUTOFF)
    if pbc:
        atoms.set_cell([9.0, 9.0, 0.0])
        atoms.pbc = pbc
    atoms.calc = potential.calculator()
    found = potential(graph(atoms))
    assert atoms.get_potential_energy() == float(found.energy)
    np.testing.assert_array_equal(atoms.get_forces(), found.forces.numpy())
    with pytest.raises(PropertyNotImplementedError):
        atoms.get_stress()


def test_follows_the_atoms(potential: Potential) -> None:
    atoms = rattled(CUTOFF)
    atoms.calc = potential.calculator()
    before = atoms.get_potential_energy()
    atoms.positions[0] += 0.1
    after = atoms.get_potential_energy()
    assert after == float(potential(graph(atoms)).energy) != before
