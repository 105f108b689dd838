"""Which potentials may drive which structures, and which files are no structure."""

import os
import warnings
from pathlib import Path

import ase.io
import numpy as np
import pytest
import tiny
from ase import Atoms
from ase.build import bulk
from ase.constraints import FixAtoms
from structures import diamond

from tlbench.base.errors import InputError
from tlbench.data.frames import Frames
from tlbench.md.inputs import load_driver, read_structure
from tlbench.models.parameters import copy_element
from tlbench.models.potential import Potential
from tlbench.training.loss import fit_reference_energy

SILICON, GERMANIUM = 14, 32


def fitted(*elements: str, name: str = "schnet") -> Potential:
    """Return a model with reference energies, as training leaves it."""
    model = tiny.potential(name)
    for element in elements:
        fit_reference_energy(model, tiny.labelled(tiny.crystals(element, 2), model))
    return model


def notes(model: Potential, structure: Frames, folder: Path) -> list[str]:
    path = folder / "model.safetensors"
    model.save(path)
    return load_driver(str(path), structure, "cpu").notes


def test_an_element_that_was_trained_on_is_taken(tmp_path):
    assert notes(fitted("Ge"), diamond("Ge"), tmp_path) == []
    assert notes(fitted("Si", "Ge"), diamond("Si"), tmp_path) == []


@pytest.mark.parametrize("name", tiny.BACKBONES)
def test_an_element_that_was_not_is_refused(tmp_path, name):
    with pytest.raises(InputError, match=r"not been trained on Si, which .*; it knows Ge\.$"):
        notes(fitted("Ge", name=name), diamond("Si"), tmp_path)
    mixed = Frames.unlabelled([bulk("SiGe", "zincblende", a=5.5)])
    with pytest.raises(InputError, match=r"not been trained on Ge, .* knows Si\.$"):
        notes(fitted("Si", name=name), mixed, tmp_path)


@pytest.mark.parametrize("name", tiny.BACKBONES)
def test_zero_shot_transfer_is_taken_and_said(tmp_path, name):
    model = fitted("Si", name=name)
    copy_element(model.backbone, {GERMANIUM: SILICON}, [SILICON])
    assert notes(model, diamond("Si"), tmp_path) == []
    (said,) = notes(model, diamond("Ge"), tmp_path)
    assert "has not been trained on Ge and takes it for Si (zero-shot)" in said


def test_a_model_that_knows_no_element_is_taken_and_it_is_said(tmp_path):
    (said,) = notes(tiny.potential(), diamond("Si"), tmp_path)
    assert "does not say which elements it was trained on" in said


def test_a_driver_is_known_by_the_content_of_its_file(tmp_path):
    fitted("Ge").save(tmp_path / "a.safetensors")
    fitted("Ge").save(tmp_path / "b.safetensors")
    fitted("Si", "Ge").save(tmp_path / "c.safetensors")
    a, b, c = (load_driver(str(tmp_path / f"{n}.safetensors"), diamond("Ge"), "cpu") for n in "abc")
    assert a.identity == b.identity != c.identity


@pytest.mark.parametrize("element", ["Si", "Ge"])
def test_stillinger_weber_knows_its_element_only(element):
    name, other = f"stillinger-weber:{element}", {"Si": "Ge", "Ge": "Si"}[element]
    driver = load_driver(name, diamond(element), "cpu")
    assert (driver.identity, driver.notes) == (name, [])
    with pytest.raises(InputError, match=f"knows {element} only, .* contains {other}"):
        load_driver(name, diamond(other), "cpu")


@pytest.mark.parametrize("name", ["missing.safetensors", "sw-si", "stillinger-weber:C", "Si"])
def test_there_is_no_such_potential(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="are stillinger-weber:Si and stillinger-weber:Ge"):
        load_driver(name, diamond("Si"), "cpu")


def test_an_empty_name_is_not_the_current_folder():
    with pytest.raises(InputError, match="names no file"):
        load_driver("", diamond("Si"), "cpu")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "potential.safetensors")
    with pytest.raises(InputError, match="is not a regular file"):
        load_driver(str(tmp_path / "potential.safetensors"), diamond("Si"), "cpu")


def test_of_the_folder_of_a_job_the_potential_is_named(tmp_path):
    fitted("Si").save(tmp_path / "potential.safetensors")
    with pytest.raises(InputError, match=r"the potential in it is .*/potential\.safetensors\.$"):
        load_driver(str(tmp_path), diamond("Si"), "cpu")


@pytest.mark.parametrize("form", ["xyz", "cif", "vasp", "traj", "json"])
def test_any_format_of_ase_is_read(tmp_path, form):
    atoms = bulk("Ge", "diamond", a=5.6, cubic=True)
    path = tmp_path / f"structure.{form}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of ase, about its own formats
        ase.io.write(path, atoms)
    structure, said = read_structure(path)
    assert (structure.atomic_numbers == GERMANIUM).all()
    assert structure.pbc.all()
    np.testing.assert_allclose(structure.positions, atoms.positions, atol=1e-6)
    assert said == []


def test_the_first_frame_is_read(tmp_path):
    path = tmp_path / "a@b.xyz"
    ase.io.write(path, [Atoms("Ge"), Atoms("Si")], format="extxyz")
    structure, _ = read_structure(path)
    assert structure.elements() == [GERMANIUM]


def test_constraints_are_not_silently_dropped(tmp_path):
    atoms = bulk("Ge")
    atoms.set_constraint(FixAtoms([0]))
    ase.io.write(tmp_path / "a.xyz", atoms)
    _, said = read_structure(tmp_path / "a.xyz")
    assert said == [f"Constraints in {tmp_path / 'a.xyz'} are not applied: all atoms move."]


def test_velocities_are_not_silently_dropped(tmp_path):
    atoms = bulk("Ge")
    atoms.set_velocities([[0.1, 0, 0], [0, 0, 0]])
    ase.io.write(tmp_path / "a.traj", atoms)
    _, (said,) = read_structure(tmp_path / "a.traj")
    assert "are not used: new ones are drawn at the temperature" in said


def unusual(**changes) -> Atoms:
    atoms = bulk("Ge", cubic=True)
    for name, value in changes.items():
        getattr(atoms, name)[1] = value
    return atoms


@pytest.mark.parametrize(
    ("atoms", "complaint"),
    [
        (Atoms(), ": has no atoms"),
        (unusual(numbers=0), ": has atoms of atomic number 0; it should be from 1 to"),
        (unusual(positions=np.nan), "not finite"),
        (unusual(positions=np.inf), "not finite"),
        (unusual(cell=0), "do not span a cell"),
        (unusual(cell=[5.0, 0, 0]), "do not span a cell"),
        (unusual(cell=np.nan), "not finite"),
        (Atoms("Ge2", [[0, 0, 0], [1e10, 0, 0]]), r"has atoms 1e\+10 Å from the origin"),
        (
            Atoms("Ge", cell=3 * [0.02], pbc=True),
            "denser than any matter, with 1 atoms in 8e-06 Å³",
        ),
    ],
)
def test_what_cannot_be_simulated_is_refused(tmp_path, atoms, complaint):
    ase.io.write(tmp_path / "a.traj", atoms)
    with pytest.raises(InputError, match=complaint):
        read_structure(tmp_path / "a.traj")


@pytest.mark.parametrize("pbc", [False, (True, True, False), (True, False, False)])
def test_only_periodic_vectors_need_to_span_something(tmp_path, pbc):
    atoms = bulk("Ge", cubic=True)
    atoms.pbc = pbc
    atoms.cell[~atoms.pbc] = 0
    ase.io.write(tmp_path / "a.traj", atoms)
    structure, _ = read_structure(tmp_path / "a.traj")
    assert len(structure.atomic_numbers) == 8


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.xyz", b""),
        ("a.xyz", b"\x93\x00 nonsense"),
        ("a.xyz", b"3\n\nGe 0 0 0\n"),
        ("a.xyz", b"1\n\nQq 0 0 0\n"),
        ("a.cif", b"data_\n"),
        ("a.json", b"{}"),
        ("a.traj", b"nonsense"),
        ("a.unknown", b"nonsense"),
        ("a", b"nonsense"),
        ("POSCAR", b"nonsense\n1\n"),
    ],
)
def test_garbage_is_one_sentence(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"ase cannot read|no frames|not extended|line [13]: ") as (
        complaint
    ):
        read_structure(path)
    assert str(complaint.value).startswith(f"{path}: ")
    assert "\n" not in str(complaint.value)
