"""Which files are a structure that can be simulated."""

import warnings

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.constraints import FixAtoms

from tlbench.base.errors import InputError
from tlbench.md.inputs import read_structure


@pytest.mark.parametrize("form", ["xyz", "cif", "vasp", "traj", "json"])
def test_any_format_of_ase_is_read(tmp_path, form):
    atoms = bulk("Ge", "diamond", a=5.6, cubic=True)
    path = tmp_path / f"structure.{form}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of ase, about its own formats
        ase.io.write(path, atoms)
    structure, said = read_structure(path)
    assert (structure.atomic_numbers == 32).all()
    assert structure.pbc.all()
    np.testing.assert_allclose(structure.positions, atoms.positions, atol=1e-6)
    assert said == []


def test_the_first_frame_is_read(tmp_path):
    path = tmp_path / "a@b.xyz"
    ase.io.write(path, [Atoms("Ge"), Atoms("Si")], format="extxyz")
    structure, _ = read_structure(path)
    assert structure.elements() == [32]


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


def test_masses_are_not_silently_dropped(tmp_path):
    atoms = bulk("Ge")
    atoms.set_masses([72.63, 74.0])
    ase.io.write(tmp_path / "a.traj", atoms)
    _, (said,) = read_structure(tmp_path / "a.traj")
    assert said.endswith("are not used: all atoms have those of their elements.")
    atoms.set_masses([72.63, 72.64])
    ase.io.write(tmp_path / "b.traj", atoms)
    assert read_structure(tmp_path / "b.traj")[1] == []


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
