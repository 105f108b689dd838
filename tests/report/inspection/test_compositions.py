"""What compositions of training structures leave open, and elements that no model can learn."""

import pytest
from alloys import alloys
from command_line import in_this_process

from tlbench.base.errors import InputError
from tlbench.data.cards import load_card
from tlbench.data.fetch import fetch
from tlbench.data.inspection.statements import check_trained_elements

SMALL = (
    ("sizes", "[1, 4]"), ("subset_seeds", "[0, 1]"), ("init_seeds", "[0, 1]"), ("by", "[]")
)  # fmt: skip

SCRATCH = ("strategies", "[scratch]")


def of_second(number, frames):
    """Return the frames with this many of 4 atoms of the second element."""
    return [atoms for atoms in frames if atoms.get_chemical_symbols().count("Au") == number]


@pytest.fixture
def unlearnt(card):
    """Return the card of silver, tested on gold alone."""
    frames = alloys(("Ag", "Au"), 60)
    return card("silver", of_second(0, frames), of_second(4, frames))


def test_an_element_without_training_structures_is_an_error(unlearnt):
    found = in_this_process("data", "validate", unlearnt)
    assert found.returncode == 1
    said = " ".join(found.stdout.split())
    assert "contain Au, which no training structure contains; add training structures" in said
    assert "checked: 1 error" in said


def test_a_run_refuses_an_element_without_training_structures(unlearnt, tmp_path):
    settings = [word for key, value in SMALL for word in ("--set", f"{key}={value}")]
    refused = in_this_process(
        "run", "transfer", "--source", "sw-si-8", "--target", unlearnt, "--set",
        "strategies=[scratch]", *settings, "--store", tmp_path / "store", "--out", tmp_path / "out",
    )  # fmt: skip
    assert refused.returncode == 2, refused.stdout
    assert "contain Au, which no training structure contains" in " ".join(refused.stderr.split())
    assert len(refused.stderr.strip().split(". ")) == 1


def test_an_element_may_be_left_out_on_purpose(unlearnt):
    found = load_card(unlearnt)
    train = found.origin.split.train.model_copy(update={"without_elements": ["Au"]})
    split = found.origin.split.model_copy(update={"train": train})
    parts = found.read(fetch(found))
    with pytest.raises(InputError, match=r"silver: 12 of 12 test structures contain Au"):
        check_trained_elements(found, parts)
    allowed = found.model_copy(update={"origin": found.origin.model_copy(update={"split": split})})
    check_trained_elements(allowed, parts)


def test_compositions_of_the_test_part_alone_are_noted(card, notes):
    frames = alloys(("Ag", "Au"), 60)
    some = [*of_second(1, frames), *of_second(2, frames)]
    said = " ".join(notes(card("binary", some, of_second(3, frames)), *SMALL, SCRATCH))
    assert "12 of 12 test structures of binary are of compositions that no training" in said
    assert "extrapolations: AgAu3." in said
