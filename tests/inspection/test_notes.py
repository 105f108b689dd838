"""What a run says of its data, and that saying it neither fails nor is done twice."""

import json
from types import SimpleNamespace

import pytest
import tiny
from structures import diamond

from tlbench.data.frames import Frames
from tlbench.inspection.notes import FILE, notes_on_data
from tlbench.plan import dataset_job
from tlbench.suite import load_suite

SUITE = load_suite("smoke")
SI, GE = (dataset_job(card).key for card in SUITE.cards())


@pytest.fixture
def made(tmp_path):
    """Write parts of the two data sets into something like a store."""

    def make(**changes: Frames) -> SimpleNamespace:
        for key, element in ((SI, "Si"), (GE, "Ge")):
            frames = tiny.crystals(element, 12)
            parts = {
                "train": frames.select(range(8)),
                "validation": frames.select([8, 9]),
                "test": frames.select([10, 11]),
            }
            parts |= changes if key == GE else {}
            (tmp_path / key).mkdir()
            for part, some in parts.items():
                some.save(tmp_path / key / f"{part}.npz")
        return SimpleNamespace(folder=lambda key: tmp_path / key)

    return make


def said_of(store, out, finished=(SI, GE)):
    return notes_on_data(SUITE, store, finished, out)


def test_sound_data_need_no_words(made, tmp_path):
    found = said_of(made(), tmp_path)
    assert found.sentences == ()
    assert found.without_forces == frozenset()


def test_copies_in_the_test_part_are_counted(made, tmp_path):
    frames = tiny.crystals("Ge", 12)
    found = said_of(made(test=frames.select([3, 10, 11])), tmp_path)
    (sentence,) = found.sentences
    assert sentence.startswith("1 of 3 test structures of sw-ge are copies of training or valid")
    assert "all of them with forces" in sentence


def test_a_test_part_without_forces_is_compared_nowhere(made, tmp_path):
    found = said_of(made(test=diamond("Ge")), tmp_path)
    assert found.without_forces == {"Ge"}
    assert found.sentences[0].startswith("Every force of the test part of sw-ge vanishes")
    assert "Force errors of models of Ge are therefore" in found.sentences[-1]


def test_counts_are_kept_and_data_not_read_again(made, tmp_path, monkeypatch):
    store = made(test=diamond("Ge"))
    first = said_of(store, tmp_path)
    kept = (tmp_path / FILE).read_bytes()
    monkeypatch.setattr(Frames, "load", lambda path: pytest.fail("read again"))
    assert said_of(store, tmp_path) == first
    assert (tmp_path / FILE).read_bytes() == kept


@pytest.mark.parametrize("text", ["", "{", '{"format": 2}', '{"format": 1, "data": {"k": 3}}'])
def test_counts_that_cannot_be_read_are_made_again(made, tmp_path, text):
    (tmp_path / FILE).write_text(text)
    said_of(made(), tmp_path)
    assert set(json.loads((tmp_path / FILE).read_text())["data"]) == {SI, GE}


def test_only_data_that_are_there_are_inspected(made, tmp_path):
    assert said_of(made(test=diamond("Ge")), tmp_path, finished=(SI,)).sentences == ()
    # What is made later is added.
    store = SimpleNamespace(folder=lambda key: tmp_path / key)
    assert said_of(store, tmp_path).without_forces == {"Ge"}


def test_a_fault_does_not_fail_the_run(made, tmp_path):
    store = made()
    (tmp_path / GE / "test.npz").write_bytes(b"nothing of the kind")
    (sentence,) = said_of(store, tmp_path).sentences
    assert sentence.startswith("The data could not be inspected")


def test_test_structures_that_the_source_has_learnt_from(tmp_path, made):
    suite = load_suite(
        "smoke", [("allow_same_data", "true")], cards={"source": "sw-ge", "target": "sw-ge"}
    )
    (key,) = {dataset_job(card).key for card in suite.cards()}
    made()
    (tmp_path / GE).rename(tmp_path / key)
    store = SimpleNamespace(folder=lambda key: tmp_path / key)
    found = notes_on_data(suite, store, (key,), tmp_path).sentences
    assert [said.partition(" are copies")[0] for said in found] == [
        "8 of 8 train structures of sw-ge",
        "2 of 2 validation structures of sw-ge",
    ]
