"""A potential as an ``ase`` calculator."""

import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import tiny
import torch
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import PropertyNotImplementedError
from ase.md.verlet import VelocityVerlet
from ase.stress import voigt_6_to_full_3x3_stress

from tlbench.base.errors import InputError, TlbenchError
from tlbench.base.units import GPA
from tlbench.data.frames import Frames
from tlbench.graphs import Graph, graph_of
from tlbench.models.backbones.schnet import SchNetConfig
from tlbench.models.contract.prediction import molecule, random_potential, rattled, small_cell
from tlbench.models.parameters import copy_element
from tlbench.models.potential import Potential
from tlbench.training.loss import fit_reference_energy

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


@pytest.fixture
def silicon() -> Potential:
    """Return a model with a reference energy of silicon alone, as training leaves it."""
    model = tiny.potential()
    fit_reference_energy(model, tiny.labelled(tiny.crystals("Si", 2), model))
    return model


@pytest.mark.parametrize("name", ["energy", "forces", "stress"])
@pytest.mark.parametrize("formula", ["Ge2", "SiGe"])
def test_an_element_that_was_never_seen_is_refused(silicon, formula, name):
    """Not answered by an energy that is not a number and forces that look like any others."""
    atoms = bulk("Si")
    atoms.symbols[:] = formula
    atoms.calc = silicon.calculator()
    for _ in range(2):
        with pytest.raises(InputError, match=r"not been trained on Ge, .*; it knows Si\.$"):
            atoms.calc.get_property(name, atoms)
    atoms.symbols[:] = "Si2"
    assert np.isfinite(atoms.get_potential_energy())


def test_an_element_that_appears_later_is_refused(silicon):
    atoms = bulk("Si")
    atoms.calc = silicon.calculator()
    atoms.get_potential_energy()
    atoms.symbols[1] = "Ge"
    with pytest.raises(InputError, match="not been trained on Ge"):
        atoms.get_potential_energy()


def test_zero_shot_transfer_warns_once_and_leaves_out_the_unknown_constant(silicon):
    copy_element(silicon.backbone, {32: 14}, [14])
    atoms, twin = bulk("Ge", cubic=True), bulk("Ge", cubic=True)
    atoms.calc, twin.calc = silicon.calculator(), silicon.calculator()
    twin.symbols[:] = "Si8"
    with pytest.warns(UserWarning, match=r"takes it for Si \(zero-shot\)"):
        energy = atoms.get_potential_energy()
    constant = 8 * float(silicon.reference_energy[14])
    assert energy == pytest.approx(twin.get_potential_energy() - constant, abs=1e-5)
    # A second warning would be an error here.
    atoms.rattle(0.1)
    assert atoms.get_potential_energy() != energy


@pytest.mark.parametrize(
    "ask", [lambda atoms: atoms.get_forces(), lambda atoms: VelocityVerlet(atoms, 1.0).run(1)]
)
def test_a_warning_names_the_line_of_the_user_and_none_within(ask):
    atoms = bulk("Si")
    atoms.calc = tiny.potential().calculator()
    with pytest.warns(UserWarning, match="known up to a constant") as warned:
        ask(atoms)
    (found,) = warned
    assert found.filename == __file__


def test_a_model_without_any_reference_energy_warns_and_has_finite_energies():
    atoms = bulk("Si")
    atoms.calc = tiny.potential().calculator()
    with pytest.warns(UserWarning, match="known up to a constant only"):
        assert np.isfinite(atoms.get_potential_energy())


def test_energies_that_are_not_finite_are_refused(silicon):
    with torch.no_grad():
        next(silicon.backbone.parameters()).fill_(torch.nan)
    atoms = bulk("Si")
    atoms.calc = silicon.calculator()
    with pytest.raises(TlbenchError, match="not finite"):
        atoms.get_potential_energy()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda atoms: atoms.positions.fill(np.nan),
            "^The structure has positions or a cell that are not finite",
        ),
        (
            lambda atoms: atoms.cell[:].fill(0),
            "^The structure is periodic, but the vectors of its cell do not span a cell",
        ),
        (
            lambda atoms: atoms.set_atomic_numbers([14, 0]),
            "^The structure has atoms of atomic number 0; ",
        ),
        (
            lambda atoms: atoms.set_cell(0.01 * atoms.cell),
            "^The structure is denser than any matter",
        ),
    ],
)
def test_a_structure_that_cannot_be_is_refused(silicon, change, message):
    atoms = bulk("Si")
    change(atoms)
    atoms.calc = silicon.calculator()
    with pytest.raises(InputError, match=message):
        atoms.get_potential_energy()


THREADS = """
import json, sys
import tiny, torch
from ase.build import bulk

default = torch.get_num_threads()
if "before" in sys.argv:
    torch.set_num_threads(default + 3)
model = tiny.potential()
model.reference_energy.zero_()
calculator = model.calculator()
if "after" in sys.argv:
    torch.set_num_threads(default + 3)
seen = []
model.backbone.register_forward_hook(lambda *_: seen.append(torch.get_num_threads()))
for repeats in (2, 14):
    calculator.get_potential_energy(bulk("Si").repeat(repeats))
    seen.append(torch.get_num_threads())
model.backbone.register_forward_hook(lambda *_: 1 / 0)
try:
    calculator.get_potential_energy(bulk("Si"))
except ZeroDivisionError:
    seen.append(torch.get_num_threads())
print(json.dumps([number - default for number in seen[:4] + seen[-1:]] + [default]))
"""


@pytest.mark.parametrize("chosen", [None, "before", "after", "variable"])
def test_small_structures_take_one_thread_unless_the_user_has_chosen(chosen):
    """Threads that wait for each other made a call 20 times as long on a busy machine."""
    env = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    env["PYTHONPATH"] = os.pathsep.join(sys.path)
    if chosen == "variable":
        env["OMP_NUM_THREADS"] = "2"
    command = [sys.executable, "-c", THREADS, str(chosen)]
    ran = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    *more, default = json.loads(ran.stdout)
    kept = 3 if chosen in ("before", "after") else 0
    small = kept if chosen else 1 - default
    # Within and after calls with 16 and with 5,488 atoms, and after one that fails.
    assert more == [small, kept, kept, kept, kept]
