"""A card for a file that somebody brings: what is guessed, and that it can be run."""

import ase.io
import numpy as np
import pytest
import tiny
import yaml
from ase import Atoms

from tlbench.data.cards import Card, load_card
from tlbench.data.frames import Frames
from tlbench.data.guess import guess_card
from tlbench.data.reading import read_parts
from tlbench.errors import InputError


def write(path, frames: Frames):
    ase.io.write(path, frames.to_ase(), format="extxyz")
    return path


def card_of(path, **arguments) -> tuple[Card, str]:
    guess = guess_card(path, **arguments)
    file = path.with_suffix(".yaml")
    file.write_text(guess.text)
    return load_card(str(file)), "\n".join(guess.said)


def drifting(n_frames: int) -> Frames:
    """Return one trajectory: every frame is the one before, moved a little."""
    images = [tiny.crystals("Si", 1).to_ase()[0]]
    generator = np.random.default_rng(0)
    for _ in range(n_frames - 1):
        atoms = images[-1].copy()
        atoms.calc = images[0].calc
        atoms.positions += generator.normal(0, 0.01, atoms.positions.shape)
        images.append(atoms)
    return Frames.unlabelled(images)


def test_the_card_of_a_plain_file_can_be_read_at_once(tmp_path):
    frames = tiny.crystals("Ge", 30)
    card, said = card_of(write(tmp_path / "My Ge.extxyz", frames))
    assert card.name == "my-ge"
    assert card.elements == ["Ge"]
    assert [card.n_frames(s) for s in ("train", "validation", "test")] == [24, 3, 3]
    places = {"My Ge.extxyz": tmp_path / "My Ge.extxyz"}
    parts = read_parts(card.elements, card.recipe()["origin"], places)
    assert sum(len(part) for part in parts.values()) == 30
    for sentence in (
        "energies: key 'energy'", "forces: key 'forces'",
        "stress: key 'stress', in 30 of 30 frames",
        "temperature: key 'temperature_k'", "elements: Ge", "24 train, 3 validation, 3 test",
        "drawn at random",
    ):  # fmt: skip
        assert sentence in said


def test_unusual_keys_are_found(tmp_path):
    images = []
    for atoms in tiny.crystals("Si", 5).to_ase():
        bare = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
        bare.info |= {"pbe_energy": atoms.get_potential_energy(), "T": 300.0, "index": 7}
        bare.arrays["pbe_force"] = atoms.get_forces()
        bare.arrays["velocity"] = np.zeros((8, 3))
        images.append(bare)
    alone = Atoms("Si", cell=[9, 9, 9], pbc=True)
    alone.info["pbe_energy"] = -0.1
    path = tmp_path / "si.extxyz"
    ase.io.write(path, [alone, *images], format="extxyz")
    card, said = card_of(path)
    options = card.origin.reader_options()
    assert (options.energy_key, options.forces_key) == ("pbe_energy", "pbe_force")
    assert options.temperature_key == "T"
    assert "stress: none" in said
    assert "isolated atoms: 1 left out" in said
    assert card.n_frames("train") == 3


def test_energies_that_are_no_labels_are_passed_over(tmp_path):
    images = []
    for number, atoms in enumerate(tiny.crystals("Si", 40).to_ase()):
        bare = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
        bare.info |= {
            "kinetic_energy": 1.0, "energy_per_atom": -4.0, "gap_energy": -31.0,
            "tot_energy": -32.0, "name": f"snapshot {number}", "temperature": 300.0 + number,
        }  # fmt: skip
        bare.arrays["gap_force"] = atoms.get_forces()
        images.append(bare)
    path = tmp_path / "si.extxyz"
    ase.io.write(path, images, format="extxyz")
    card, said = card_of(path)
    options = card.origin.reader_options()
    # One prefix for both, rather than the first of the alphabet for each.
    assert (options.energy_key, options.forces_key) == ("gap_energy", "gap_force")
    assert "energies: key 'gap_energy' (not 'tot_energy')" in said
    assert "group: unknown, because 'name' has 40 different values" in said
    assert "temperature: unknown, because 'temperature' has 40 different values" in said
    parts = read_parts(card.elements, card.recipe()["origin"], {"si.extxyz": path})
    assert set(parts["train"].group) == {""}
    assert np.isnan(parts["train"].temperature_k).all()


def test_a_trajectory_is_divided_in_time(tmp_path):
    card, said = card_of(write(tmp_path / "run.extxyz", drifting(40)))
    assert card.origin.split.order == "last"
    assert "successive frames resemble each other" in said


def test_a_file_of_test_structures_is_kept_apart(tmp_path):
    path = write(tmp_path / "si.extxyz", tiny.crystals("Si", 20))
    test = write(tmp_path / "held.extxyz", tiny.crystals("Si", 6, seed=5))
    card, said = card_of(path, test=test)
    assert card.origin.split.test.files == ["held.extxyz"]
    assert [card.n_frames(s) for s in ("train", "validation", "test")] == [18, 2, 6]
    assert "6 test (from held.extxyz)" in said


def test_what_cannot_be_guessed_is_refused(tmp_path):
    path = tmp_path / "si.extxyz"
    ase.io.write(path, [Atoms("Si2", positions=[[0, 0, 0], [2, 0, 0]])] * 4, format="extxyz")
    with pytest.raises(InputError, match="no key looks like energies; keys there are"):
        guess_card(path)
    with pytest.raises(InputError, match="2 structures are too few to be divided"):
        guess_card(write(tmp_path / "few.extxyz", tiny.crystals("Si", 2)))


def test_the_card_is_plain_yaml(tmp_path):
    text = guess_card(write(tmp_path / "si.extxyz", tiny.crystals("Si", 5))).text
    assert yaml.safe_load(text)["origin"]["kind"] == "files"
    assert "&" not in text
    assert str(tmp_path) not in text
