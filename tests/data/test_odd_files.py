"""Files that a card is guessed for, and what of them is not read: foreign stresses, no geometry."""

import ase.io
import numpy as np
import pytest
import tiny
import yaml
from ase import Atoms

from tlbench.base.errors import InputError
from tlbench.data.cards import card_of
from tlbench.data.guess import guess_card


def guessed(path):
    """Return the card that is guessed for a file, and what is said of it."""
    guess = guess_card(path)
    return card_of(yaml.safe_load(guess.text), str(path)), "\n".join(guess.said)


@pytest.mark.parametrize(
    ("what", "said"), [("positions", "are not all finite"), ("cell", "its cell is flat")]
)
def test_a_structure_without_geometry_is_named(tmp_path, what, said):
    images = tiny.crystals("Si", 12).to_ase()
    if what == "positions":
        images[5].positions[1, 2] = np.nan
    else:
        images[5].cell[2] = 0
    ase.io.write(tmp_path / "si.extxyz", images, format="extxyz")
    with pytest.raises(InputError, match=rf"si\.extxyz: frame 5: .*{said}"):
        guess_card(tmp_path / "si.extxyz")


def test_a_stress_of_another_method_is_not_read(tmp_path):
    images = tiny.crystals("Si", 12).to_ase()
    for atoms in images:
        atoms.info["REF_energy"] = 0.9 * atoms.get_potential_energy()
        atoms.arrays["REF_forces"] = 0.9 * atoms.get_forces()
    ase.io.write(tmp_path / "si.extxyz", images, format="extxyz")
    card, said = guessed(tmp_path / "si.extxyz")
    assert "'stress' may be of another method" in said
    parts = card.read({"si.extxyz": tmp_path / "si.extxyz"})
    assert all(np.isnan(part.stress).all() for part in parts.values())


def test_a_stress_of_atoms_is_not_that_of_the_cell(tmp_path):
    images = []
    for atoms in tiny.crystals("Si", 12).to_ase():
        bare = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
        bare.info["REF_energy"] = atoms.get_potential_energy()
        bare.arrays["REF_forces"] = atoms.get_forces()
        bare.arrays["stress"] = np.ones((len(atoms), 9))
        images.append(bare)
    ase.io.write(tmp_path / "si.extxyz", images, format="extxyz")
    card, said = guessed(tmp_path / "si.extxyz")
    assert "'stress' has another shape than that of a cell" in said
    assert card.origin.reader_options().stress_key is None


def test_units_that_no_setting_of_a_format_takes_are_refused(tmp_path):
    path = tmp_path / "si.extxyz"
    ase.io.write(path, tiny.crystals("Si", 12).to_ase(), format="extxyz")
    with pytest.raises(InputError, match="--units is for files of RuNNer and n2p2"):
        guess_card(path, options={"energy_unit": "hartree", "length_unit": "bohr"})
