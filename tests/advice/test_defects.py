"""Test structures without forces, and copies of training structures, get marks."""

import ase.io
import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator
from own_data import write_crystals

from tlbench.advice.defects import counting_sentence, mark_counts, on_defects
from tlbench.advice.target import target_card
from tlbench.base.errors import InputError
from tlbench.data.fetch import locate
from tlbench.data.marks import marked_frames


def labelled(atoms, energy, forces):
    atoms = atoms.copy()
    atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
    return atoms


def write_parts(folder, n_still, n_copies, n_others=5):
    """Write training structures, two of them still, and a test file with defects at its end."""
    train = ase.io.read(write_crystals(folder / "all.extxyz", "Ge", 24, seed=3), ":")
    still = [labelled(each, -30.0, np.zeros((8, 3))) for each in train[:2]]
    ase.io.write(folder / "ge_train.extxyz", [*train[2:16], *still])
    (folder / "all.extxyz").unlink()
    copies = []
    for each in train[2 : 2 + n_copies]:
        # Turned by 90 degrees about z, and shifted.
        turn = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
        turned = labelled(each, each.get_potential_energy(), each.get_forces() @ turn)
        turned.set_cell(each.cell.array @ turn)
        turned.set_positions(each.positions @ turn + 0.3)
        copies.append(labelled(turned, each.get_potential_energy(), each.get_forces() @ turn))
    quiet = [labelled(each, -30.0, np.full((8, 3), 5e-4)) for each in train[22 : 22 + n_still]]
    ase.io.write(folder / "ge_test.extxyz", [*train[16 : 16 + n_others], *quiet, *copies])
    return folder / "ge_train.extxyz"


def test_the_card_that_is_written_marks_them_and_says_so(tmp_path):
    path = write_parts(tmp_path, n_still=2, n_copies=1)
    name, card, said = target_card(str(path), tmp_path / "out")
    parts = card.read(locate(card))
    assert marked_frames(card.marked(), parts["test"].group) == {
        "copy": [7], "without forces": [5, 6],
    }  # fmt: skip
    assert (
        "test: 5 of 8 test structures count: 2 have no forces and 1 is a copy of a training "
        "structure."
    ) in said
    assert target_card(name, tmp_path / "out")[1].digest() == card.digest()
    still = "2 of 14 training structures have no forces to learn."
    assert [*on_defects(card, parts)] == [still]
    assert [*on_defects(card.model_copy(update={"marks": []}), parts)] == [
        still,
        "Of 8 test structures, 2 have no forces and 1 is a copy of a training structure; they "
        "count all the same, because the card of ge_train does not mark them.",
    ]


def test_a_card_without_defects_has_no_marks(tmp_path):
    _, card, said = target_card(str(write_parts(tmp_path, 0, 0)), tmp_path / "out")
    assert card.marks == []
    assert not any("count" in each for each in said)


def test_what_is_both_is_counted_once():
    counts = mark_counts({"copy": [0, 1, 4], "without forces": [4]})
    assert counting_sentence(counts, 5) == (
        "2 of 5 test structures count: 1 has no forces and 2 are copies of training structures."
    )
    both = mark_counts({"copy": [0, 1], "without forces": [0, 1]})
    assert counting_sentence(both, 26) == "24 of 26 test structures count: 2 have no forces."


def test_data_none_of_whose_test_structures_are_left_are_refused_without_a_card(tmp_path):
    path = write_parts(tmp_path, n_still=1, n_copies=1, n_others=0)
    with pytest.raises(
        InputError,
        match=r"No force error.*of 2 test structures, 1 has no forces and 1 is a copy.*--test",
    ):
        target_card(str(path), tmp_path / "out")
    assert not path.with_suffix(".yaml").exists()
