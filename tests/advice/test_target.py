"""The card of the data: made, taken, or refused with a way out."""

import shutil

import ase.io
import pytest
from own_data import write_crystals

from tlbench.advice.target import target_card
from tlbench.base.errors import InputError, TlbenchError


def test_a_card_is_written_beside_the_file_and_taken_the_next_time(tmp_path):
    path = write_crystals(tmp_path / "ge.extxyz", "Ge", 12)
    name, card, said = target_card(str(path), tmp_path / "out")
    assert name == str(tmp_path / "ge.yaml")
    assert card.elements == ["Ge"]
    assert any("split: 10 train, 1 validation, 1 test" in sentence for sentence in said)
    again, same, said = target_card(str(path), tmp_path / "out")
    assert (again, same.digest()) == (name, card.digest())
    assert "which was there" in said[0]
    assert target_card(name, tmp_path / "out")[1].digest() == card.digest()


def test_the_card_of_another_file_is_not_taken(tmp_path):
    write_crystals(tmp_path / "ge.extxyz", "Ge", 12)
    target_card(str(tmp_path / "ge.extxyz"), tmp_path / "out")
    shutil.copy(tmp_path / "ge.extxyz", tmp_path / "si.extxyz")
    shutil.copy(tmp_path / "ge.yaml", tmp_path / "si.yaml")
    with pytest.raises(InputError, match=r"si\.yaml: is not the card of si\.extxyz"):
        target_card(str(tmp_path / "si.extxyz"), tmp_path / "out")


def test_too_few_structures_are_refused_with_how_many_are_needed(tmp_path):
    path = write_crystals(tmp_path / "few.extxyz", "Ge", 7)
    with pytest.raises(InputError, match=r"5 structures to train on, of 7 in all.*8 are the least"):
        target_card(str(path), tmp_path / "out")


def test_a_file_without_forces_is_refused(tmp_path):
    path = write_crystals(tmp_path / "energies.extxyz", "Ge", 12)
    structures = ase.io.read(path, ":")
    for atoms in structures:
        del atoms.calc.results["forces"]
    ase.io.write(path, structures)
    with pytest.raises(InputError, match="forces"):
        target_card(str(path), tmp_path / "out")
    assert not path.with_suffix(".yaml").exists()


def test_a_file_or_data_set_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="there is no such file"):
        target_card(str(tmp_path / "none.extxyz"), tmp_path / "out")
    with pytest.raises(TlbenchError, match="did you mean 'sw-ge-8'"):
        target_card("sw-ge8", tmp_path / "out")
