"""Checks of one frame at a time: each finds what was broken for it, and nothing in sound data."""

from dataclasses import replace

import numpy as np
import pytest
from structures import diamond, skewed
from tiny import crystals

from tlbench.data.inspection.cells import (
    check_cells,
    check_elements,
    check_numbers,
    check_stress_cells,
)
from tlbench.data.inspection.collection import from_parts
from tlbench.data.inspection.forces import check_net_force
from tlbench.data.inspection.geometry import check_overlaps

CHECKS = (
    check_numbers,
    check_cells,
    check_stress_cells,
    check_elements,
    check_overlaps,
    check_net_force,
)


@pytest.fixture(scope="module")
def sound():
    return crystals("Ge", 4)


def changed(frames, name, where, value):
    array = getattr(frames, name).copy()
    array[where] = value
    return replace(frames, **{name: array})


def found(check, frames, elements=("Ge",)):
    return list(check(from_parts({"train": frames}, elements)))


@pytest.mark.parametrize("check", CHECKS)
def test_sound_frames_pass(check, sound):
    assert found(check, sound) == []


@pytest.mark.parametrize(
    ("name", "where", "check", "says"),
    [
        ("forces", (17, 1), "labels", "The forces of 1 of the 8 atoms"),
        ("positions", (17, 1), "labels", "The positions of 1 of the 8 atoms"),
        ("energy", 2, "labels", "energy"),
        ("cell", (2, 0, 0), "cell", "cell vectors are not numbers"),
    ],
)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_an_error(sound, name, where, check, says, value):
    (finding,) = found(check_numbers, changed(sound, name, where, value))
    assert (finding.severity, finding.check) == ("error", check)
    assert finding.frame == "train frame 2"
    assert says in finding.message


@pytest.mark.parametrize(
    "cell",
    [np.zeros((3, 3)), np.diag([5.0, 5, 0]), [[5, 0, 0], [0, 5, 0], [5, 5, 1e-4]]],
    ids=["zero", "one vector zero", "in one plane"],
)
def test_a_flat_cell_is_an_error(sound, cell):
    (finding,) = found(check_cells, changed(sound, "cell", 1, cell))
    assert (finding.severity, finding.frame) == ("error", "train frame 1")
    assert "flat" in finding.message


def test_a_molecule_needs_no_cell(sound):
    free = replace(sound, cell=0 * sound.cell, pbc=np.zeros_like(sound.pbc))
    assert found(check_cells, free) == []


def test_a_skewed_cell_is_not_flat():
    assert found(check_cells, skewed()) == []


def test_the_stress_of_a_slab_is_a_warning(sound):
    assert np.isfinite(sound.stress).all()
    slab = changed(sound, "pbc", (2, 2), False)
    (finding,) = found(check_stress_cells, slab)
    assert (finding.severity, finding.frame) == ("warning", "train frame 2")
    assert "periodic along 2 of 3 lattice vectors" in finding.message
    assert found(check_stress_cells, changed(slab, "stress", 2, np.nan)) == []


def test_an_element_that_the_card_does_not_name(sound):
    foreign = changed(sound, "atomic_numbers", 9, 14)
    (finding,) = found(check_elements, foreign)
    assert (finding.severity, finding.frame) == ("error", "train frame 1")
    assert "Si" in finding.message
    assert found(check_elements, foreign, elements=None) == []


def test_overlapping_atoms_are_found_through_the_boundary():
    # Atoms 0 and 1 are at opposite faces; their images are 1 Å apart, of 2.4 Å touching.
    frames = diamond("Ge")
    positions = frames.positions.copy()
    positions[1] = positions[0] - [1.0, 0, 0] + 3 * frames.cell[0, 0]
    (finding,) = found(check_overlaps, replace(frames, positions=positions))
    assert (finding.severity, finding.check) == ("error", "overlap")
    assert "Atom 0 (Ge) and atom 1 (Ge) are 1.00 Å apart, 0.42 of the sum" in finding.message


def test_an_atom_may_overlap_its_own_image():
    frames = skewed("Si", n_atoms=2)
    (finding,) = found(check_overlaps, replace(frames, cell=frames.cell * [0.25, 1, 1]))
    assert "its own image" in finding.message


def test_how_close_is_too_close_depends_on_the_elements():
    # 1.0 Å is a bond of hydrogen to oxygen, but not of two germanium atoms.
    bond = replace(diamond("Ge", rattle=0.0), atomic_numbers=np.full(8, 1))
    positions = bond.positions.copy()
    positions[1] = positions[0] + [1.0, 0, 0]
    assert found(check_overlaps, replace(bond, positions=positions)) == []
    germanium = replace(diamond("Ge"), positions=positions)
    assert len(found(check_overlaps, germanium)) == 1


def test_a_net_force_is_a_warning(sound):
    pushed = sound.forces.copy()
    pushed[8:16] += [0.0, 0.02, 0.0]
    (finding,) = found(check_net_force, replace(sound, forces=pushed))
    assert (finding.severity, finding.frame) == ("warning", "train frame 1")
    assert "20 meV/Å per atom" in finding.message


def test_drift_as_small_as_that_of_a_grid_is_none(sound):
    assert found(check_net_force, replace(sound, forces=sound.forces + 4e-4)) == []
    # In larger forces the same share of drift is larger.
    assert found(check_net_force, replace(sound, forces=50 * (sound.forces + 2e-4))) == []


def test_nothing_is_found_in_nothing(sound):
    for check in CHECKS:
        assert found(check, sound.select([])) == []
