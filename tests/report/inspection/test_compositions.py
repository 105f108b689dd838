"""What compositions of training structures leave open, and elements that no model can learn."""

from types import SimpleNamespace

import ase.io
import pytest
from alloys import alloys
from command_line import in_this_process

from tlbench.base.errors import InputError
from tlbench.data.cards import load_card
from tlbench.data.fetch import fetch
from tlbench.data.inspection.statements import check_trained_elements
from tlbench.report.inspection.audit import notes_on_data
from tlbench.study.loading import load_suite
from tlbench.study.plan import dataset_job
from tlbench.study.study import resolve

SMALL = (
    ("sizes", "[1, 4]"), ("subset_seeds", "[0, 1]"), ("init_seeds", "[0, 1]"), ("by", "[]")
)  # fmt: skip


@pytest.fixture
def card(tmp_path):
    """Return a function that writes a card of frames to learn from and others to be tested on."""

    def write(name, train, test):
        files = [tmp_path / f"{name}.extxyz", tmp_path / f"{name}-test.extxyz"]
        for path, frames in zip(files, (train, test), strict=True):
            ase.io.write(path, frames, format="extxyz")
        out = tmp_path / f"{name}.yaml"
        made = in_this_process("data", "new", files[0], "--test", files[1], "--out", out)
        assert made.returncode == 0, made.stderr
        return out

    return write


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


def notes(target, tmp_path):
    ends = {"source": str(target), "target": str(target)}
    settings = *SMALL, ("strategies", "[scratch]")
    study = resolve(load_suite("transfer", settings, cards=ends))
    finished = []
    for card in study.cards:
        folder = tmp_path / dataset_job(card).key
        folder.mkdir()
        finished.append(folder.name)
        for part, frames in card.read(fetch(card)).items():
            frames.save(folder / f"{part}.npz")
    store = SimpleNamespace(folder=lambda key: tmp_path / key)
    return " ".join(notes_on_data(study, store, finished, tmp_path).sentences)


def test_draws_that_leave_constant_energies_open_are_counted(card, tmp_path):
    frames = alloys(("Ag", "Au"), 60)
    some = [*of_second(1, frames), *of_second(2, frames)]
    said = notes(card("binary", some, of_second(2, alloys(("Ag", "Au"), 20, seed=1))), tmp_path)
    # One structure has one composition; of four, these draws have both.
    assert (
        "With N = 1 (2 of 2 draws), the training structures of binary leave constant energies of "
        "its elements undetermined"
    ) in said
    assert "N = 4" not in said
    assert "determine only" not in said
    assert "extrapolations" not in said


def test_compositions_of_the_test_part_alone_are_noted(card, tmp_path):
    frames = alloys(("Ag", "Au"), 60)
    some = [*of_second(1, frames), *of_second(2, frames)]
    said = notes(card("binary", some, of_second(3, frames)), tmp_path)
    assert "12 of 12 test structures of binary are of compositions that no training" in said
    assert "extrapolations: AgAu3." in said
