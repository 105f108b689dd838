"""A reference potential in ase: the same numbers, in ase's units and signs."""

import numpy as np
import pytest
from ase.build import bulk, molecule
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress

from tlbench.reference.calculator import ReferenceCalculator
from tlbench.reference.stillinger_weber import StillingerWeber


@pytest.fixture
def calculator():
    potential = StillingerWeber("Si")
    return ReferenceCalculator(potential, potential.cutoff)


def test_forces_and_stress_are_derivatives_of_the_energy(calculator):
    atoms = bulk("Si", "diamond", a=5.5, cubic=True)
    atoms.rattle(0.1, seed=3)
    atoms.calc = calculator
    forces = calculate_numerical_forces(atoms, eps=1e-4, force_consistent=False)
    stress = calculate_numerical_stress(atoms, eps=1e-5, force_consistent=False)
    assert atoms.get_forces() == pytest.approx(forces, abs=1e-6)
    assert atoms.get_stress() == pytest.approx(stress, abs=1e-7)


def test_a_molecule_has_no_stress(calculator):
    atoms = molecule("Si2H6")[:2]
    atoms.calc = calculator
    assert np.abs(atoms.get_forces()).max() > 0
    assert "stress" not in calculator.results
