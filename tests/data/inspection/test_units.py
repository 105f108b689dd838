"""Mistakes of units show in the ratio of energies to forces, or in their size."""

from dataclasses import replace

import numpy as np
import pytest
from structures import diamond
from tiny import crystals

from tlbench.base.units import BOHR, ENERGY_UNITS, FORCE_UNITS
from tlbench.data.frames import Frames
from tlbench.data.inspection.collection import from_parts
from tlbench.data.inspection.finding import Finding
from tlbench.data.inspection.units import (
    check_distances,
    check_forces,
    check_units,
    mistakes,
)
from tlbench.data.work import force_slope

HARTREE = ENERGY_UNITS["hartree"]


@pytest.fixture(scope="module")
def sound():
    return crystals("Ge", 60)


def scaled(frames: Frames, energy=1.0, force=1.0, length=1.0) -> Frames:
    """Return the frames as they read when each quantity is given in such a unit."""
    return replace(
        frames,
        energy=frames.energy / energy,
        forces=frames.forces / force,
        positions=frames.positions / length,
        cell=frames.cell / length,
    )


def messages(check, frames):
    said = list(check(from_parts({"train": frames})))
    assert all(one.severity == "warning" for one in said if isinstance(one, Finding))
    return [one.message for one in said if isinstance(one, Finding)]


def test_energies_and_forces_of_one_potential_agree(sound):
    found = force_slope(sound)
    assert found.value == pytest.approx(1, abs=0.1)
    assert found.r_squared > 0.9
    for check in (check_units, check_distances, check_forces):
        assert list(check(from_parts({"train": sound}))) == []


@pytest.mark.parametrize(
    ("mistake", "named"),
    [
        ({"energy": HARTREE}, "energies were in hartree"),
        ({"energy": ENERGY_UNITS["kJ/mol"]}, "energies were in kJ/mol"),
        ({"force": FORCE_UNITS["kcal/mol/angstrom"]}, "forces were in kcal/mol/angstrom"),
        ({"force": FORCE_UNITS["hartree/bohr"]}, "forces were in hartree/bohr"),
        ({"force": -1}, "forces had the wrong sign"),
        ({"length": BOHR}, "positions were in bohr"),
        ({"length": 10}, "positions were in nm"),
        ({"energy": 8}, "energies were per atom"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_the_mistake_is_named_first(sound, mistake, named):
    (message,) = messages(check_units, scaled(sound, **mistake))
    assert message.partition("as if ")[2].startswith(named)


def test_consistent_units_of_another_system_show_in_the_sizes(sound):
    atomic = scaled(sound, HARTREE, HARTREE / BOHR, BOHR)
    assert messages(check_units, atomic) == []
    (distances,) = messages(check_distances, atomic)
    assert "positions were in bohr" in distances
    kcal = scaled(sound, ENERGY_UNITS["kcal/mol"], FORCE_UNITS["kcal/mol/angstrom"])
    assert messages(check_units, kcal) == []
    (forces,) = messages(check_forces, kcal)
    assert "kcal/mol/angstrom" in forces


@pytest.mark.parametrize(
    ("length", "named"),
    [(10, "positions were in nm"), (1 / BOHR, "Å but were converted as if in bohr")],
)
def test_distances_tell_the_unit_of_length(sound, length, named):
    (message,) = messages(check_distances, scaled(sound, length=length))
    assert named in message


def test_molecules_far_apart_are_not_taken_for_bohr(sound):
    far = replace(scaled(sound, length=1 / 1.7), forces=sound.forces)
    (message,) = messages(check_distances, far)
    assert "farther than" in message
    assert "bohr" not in message


@pytest.mark.parametrize("size", [1e-3, 5e-3, 0.02])
def test_small_forces_are_first_of_all_those_of_relaxed_structures(sound, size):
    relaxed = replace(sound, forces=sound.forces * size / np.sqrt((sound.forces**2).mean()))
    (message,) = messages(check_forces, relaxed)
    assert "relaxed or nearly perfect structures" in message
    assert not [unit for unit in FORCE_UNITS if unit in message.replace("eV/Å", "")]


def test_large_forces_are_first_of_all_those_of_compressed_structures():
    crystal = Frames.concatenate([diamond("Si", lattice_constant=3.6, rattle=0.1, seed=1)] * 3)
    pressed = replace(
        crystal, forces=20 * np.random.default_rng(0).standard_normal(crystal.forces.shape)
    )
    (message,) = messages(check_forces, pressed)
    assert "pressed together" in message
    assert "kcal" not in message


def test_energies_that_do_not_follow_the_forces_name_no_unit(sound):
    """In an alloy energies differ by the order of the elements, and forces hardly do."""
    order = np.random.default_rng(0).standard_normal(len(sound))
    alloy = replace(sound, energy=sound.energy.mean() + 0.02 * order * sound.n_atoms)
    (said,) = check_units(from_parts({"train": alloy}))
    assert isinstance(said, str)
    assert "R² of only" in said


def test_a_noble_gas_is_not_taken_for_a_mistake():
    crystal = diamond("Si", lattice_constant=9.0)
    assert len(messages(check_distances, crystal)) == 1
    assert messages(check_distances, replace(crystal, atomic_numbers=np.full(8, 18))) == []


def test_data_without_forces_are_told(sound):
    (message,) = messages(check_forces, replace(sound, forces=0 * sound.forces))
    assert message == "The forces of all frames are zero."


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        (lambda f: f.select(range(5)), "fewer than 8 frames have the atoms and the cell"),
        (lambda f: replace(f, forces=0 * f.forces), "the forces do no work"),
        (
            lambda f: replace(f, forces=np.random.default_rng(0).standard_normal(f.forces.shape)),
            "R² of only",
        ),
    ],
)
def test_where_nothing_can_be_said_that_is_said(sound, change, doubt):
    (said,) = check_units(from_parts({"train": change(sound)}))
    assert isinstance(said, str)
    assert doubt in said


def test_a_ratio_that_no_mistake_explains_is_a_note(sound):
    (said,) = check_units(from_parts({"train": scaled(sound, energy=1 / 6.5)}))
    assert isinstance(said, str)
    assert "no known mistake" in said


def test_the_size_of_forces_decides_between_mistakes_of_nearly_one_ratio():
    hartree, kcal = "energies were in hartree", "forces were in kcal/mol/angstrom"
    assert mistakes(1 / 25, 0.6, 1.0, 64)[0] == hartree
    assert mistakes(1 / 25, 15.0, 1.0, 64)[0] == kcal


def test_distances_decide_between_mistakes_of_one_ratio():
    assert mistakes(1 / BOHR, 0.6, 1.0, 64)[0] == "forces were in eV/bohr"
    converted = "positions were in Å but were converted as if in bohr"
    assert mistakes(1 / BOHR, 0.6, 0.5, 64)[0] == converted


def test_energies_or_forces_that_are_zero_name_nothing():
    assert mistakes(0.0, 0.6, 1.0, 64) == []
    assert mistakes(1 / HARTREE, 0.0, 1.0, 64) == []
