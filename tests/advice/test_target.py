"""The card of the data: made, taken, or refused with a way out."""

import shutil
import zipfile

import ase.io
import pytest
from own_data import write_crystals

from tlbench.advice import target
from tlbench.advice.target import target_card
from tlbench.base.errors import InputError, TlbenchError
from tlbench.data.fetch import locate


def test_a_card_is_written_beside_the_file_and_taken_the_next_time(tmp_path):
    path = write_crystals(tmp_path / "ge.extxyz", "Ge", 20)
    name, card, said = target_card(str(path), tmp_path / "out")
    assert name == str(tmp_path / "ge.yaml")
    assert card.elements == ["Ge"]
    assert any("split: 13 train, 2 validation, 5 test" in sentence for sentence in said)
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


def test_of_few_structures_no_more_than_a_quarter_is_tested_on(tmp_path):
    path = write_crystals(tmp_path / "ge.extxyz", "Ge", 12)
    card = target_card(str(path), tmp_path / "out")[1]
    assert [card.n_frames(part) for part in ("train", "validation", "test")] == [8, 1, 3]


@pytest.mark.parametrize("given", ["set", "set/", "all.zip", "all.zip/ge.extxyz", "./"])
def test_the_card_of_a_folder_or_an_archive_is_taken_the_next_time(tmp_path, monkeypatch, given):
    (tmp_path / "set").mkdir()
    path = write_crystals(tmp_path / "set" / "ge.extxyz", "Ge", 20)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(path, "ge.extxyz")
    monkeypatch.setattr("tlbench.data.fetch.data_folder", lambda: tmp_path / "unpacked")
    monkeypatch.chdir(tmp_path / "set" if given == "./" else tmp_path)
    data = given if given == "./" else str(tmp_path / given)
    name, card, _ = target_card(data, tmp_path / "out")
    again, same, said = target_card(data, tmp_path / "out")
    assert (again, same.digest()) == (name, card.digest())
    assert "which was there" in said[0]


def test_where_the_folder_of_the_data_cannot_be_written_to_the_card_is_in_that_of_results(
    tmp_path, monkeypatch
):
    (tmp_path / "set").mkdir()
    path = write_crystals(tmp_path / "set" / "ge.extxyz", "Ge", 20)
    write = target.write_whole

    def refuse(place, text):
        if place.parent == path.parent:
            raise PermissionError(13, "Permission denied")
        write(place, text)

    monkeypatch.setattr(target, "write_whole", refuse)
    out = tmp_path / "runs" / "out"
    name, card, said = target_card(str(path), out)
    assert name == str(out / "ge.yaml")
    assert "Permission denied" in said[-1]
    assert len(card.read(locate(card))["train"]) == 13
    again, _, said = target_card(str(path), out)
    assert (again, said) == (name, [f"card: {name}, which was there"])
    monkeypatch.setattr(target, "write_whole", lambda place, text: refuse(path, text))
    (out / "ge.yaml").unlink()
    with pytest.raises(InputError, match=r"cannot be written.*nor can.*a folder of your own"):
        target_card(str(path), out)


def test_files_without_units_are_refused_with_the_command_that_states_them(tmp_path):
    path = tmp_path / "input.data"
    path.write_text("begin\natom 0 0 0 Ge 0 0 0 0 0\nenergy 0\ncharge 0\nend\n")
    with pytest.raises(InputError, match=r"tlbench data new .*input\.data --units hartree,bohr"):
        target_card(str(path), tmp_path / "out")
