"""What a run says of its data, and that saying it neither fails nor is done twice."""

import json
from types import SimpleNamespace

import ase.io
import pytest
import tiny
from structures import diamond

from tlbench.data.frames import Frames
from tlbench.data.guess import guess_card
from tlbench.report.inspection.audit import FILE, notes_on_data
from tlbench.study.loading import load_suite
from tlbench.study.plan import dataset_job
from tlbench.study.study import resolve


class Run:
    """Something like the store and the output folder of a run from sampled Si to Ge of a file."""

    def __init__(self, folder, **settings):
        self.out = folder
        path = folder / "ge.extxyz"
        ase.io.write(path, tiny.crystals("Ge", 12).to_ase(), format="extxyz")
        path.with_suffix(".yaml").write_text(guess_card(path).text)
        cards = {"target": str(path.with_suffix(".yaml")), **settings.pop("cards", {})}
        self.suite = load_suite("smoke", settings.items(), cards=cards)
        self.jobs = {card.elements[0]: dataset_job(card).key for card in resolve(self.suite).cards}

    def make(self, element, **changes):
        """Write the parts of a data set, some of them changed."""
        frames = tiny.crystals(element, 12)
        parts = {
            "train": frames.select(range(8)),
            "validation": frames.select([8, 9]),
            "test": frames.select([10, 11]),
        }
        folder = self.out / self.jobs[element]
        folder.mkdir()
        for part, some in {**parts, **changes}.items():
            some.save(folder / f"{part}.npz")

    def notes(self, *elements):
        """Return the notes when the data sets of these elements have been made."""
        finished = [self.jobs[element] for element in elements or self.jobs]
        store = SimpleNamespace(folder=lambda key: self.out / key)
        return notes_on_data(resolve(self.suite), store, finished, self.out)

    @property
    def counts(self):
        return (self.out / FILE).read_text()


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)


def test_sound_data_need_no_words(run):
    run.make("Si")
    run.make("Ge")
    assert run.notes().sentences == ()
    assert run.notes().without_forces == frozenset()


def test_copies_in_the_test_part_are_counted(run):
    run.make("Si")
    run.make("Ge", test=tiny.crystals("Ge", 12).select([3, 10, 11]))
    (sentence,) = run.notes().sentences
    assert sentence == (
        "1 of 3 test structures of ge is a copy of one of its training structures (rotated, "
        "reflected, shifted or repeated). It has forces. Models trained on all training structures "
        "have been fitted to it, models of smaller N only if it is among their N structures; "
        "tlbench data validate lists it."
    )


def test_copies_of_validation_structures_are_counted_apart(run):
    run.make("Si")
    run.make("Ge", test=tiny.crystals("Ge", 12).select([3, 4, 8, 9, 11]))
    fitted, unseen = run.notes().sentences
    assert fitted.startswith("2 of 5 test structures of ge are copies of its training structures")
    assert "All of these copies have forces. Models trained on all" in fitted
    assert unseen.startswith(
        "2 of 5 test structures of ge are copies of its validation structures alone"
    )
    assert "Models are not fitted to validation structures" in unseen


def test_a_test_part_without_forces_is_compared_nowhere(run):
    run.make("Si")
    run.make("Ge", test=diamond("Ge"))
    found = run.notes()
    assert found.without_forces == {"Ge"}
    assert found.sentences[0].startswith("Every force of the test part of ge vanishes")
    assert "Force errors of models of Ge are therefore" in found.sentences[-1]


def test_a_source_without_test_forces_leaves_the_target_alone(run):
    run.make("Si", test=diamond("Si"))
    run.make("Ge")
    (sentence,) = run.notes().sentences
    assert sentence.startswith("Every force of the test part of sw-si vanishes")
    assert run.notes().without_forces == frozenset()


def test_counts_are_kept_and_data_not_read_again(run, monkeypatch):
    run.make("Si")
    run.make("Ge", test=diamond("Ge"))
    first, kept = run.notes(), run.counts
    monkeypatch.setattr(Frames, "load", lambda path: pytest.fail("read again"))
    assert run.notes() == first
    assert run.counts == kept


@pytest.mark.parametrize("text", ["", "{", '{"format": 2}', '{"format": 1, "data": {"k": 3}}'])
def test_counts_that_cannot_be_read_are_made_again(run, text):
    run.make("Si")
    run.make("Ge")
    (run.out / FILE).write_text(text)
    assert run.notes().sentences == ()
    assert set(json.loads(run.counts)["data"]) == set(run.jobs.values())


def test_only_data_that_have_been_made_are_inspected(run):
    run.make("Si")
    assert run.notes("Si").sentences == ()
    run.make("Ge", test=diamond("Ge"))
    assert run.notes().without_forces == {"Ge"}


def test_a_fault_does_not_fail_the_run(run):
    run.make("Si")
    run.make("Ge")
    (run.out / run.jobs["Ge"] / "test.npz").write_bytes(b"nothing of the kind")
    (sentence,) = run.notes().sentences
    assert sentence.startswith("The data could not be inspected")


def test_structures_that_the_source_has_learnt_from(tmp_path):
    target = str(tmp_path / "ge.yaml")
    run = Run(tmp_path, allow_same_data="true", cards={"source": target})
    run.make("Ge")
    trained, validated = run.notes().sentences
    assert trained.startswith(
        "8 of 8 training structures of ge are copies of the training structures of the source ge ("
    )
    assert trained.endswith("Source models trained on all of ge have been fitted to them.")
    assert validated.startswith(
        "2 of 2 validation structures of ge are copies of the validation structures of the source "
    )
    assert validated.endswith("Source models are not fitted to validation structures.")


def test_data_without_any_forces_are_one_sentence(run):
    run.make("Si")
    run.make(
        "Ge",
        train=diamond("Ge", lattice_constant=5.6),
        validation=diamond("Ge", lattice_constant=5.7),
        test=diamond("Ge", lattice_constant=5.8),
    )
    vanish, compared = run.notes().sentences
    assert vanish.startswith("All forces of ge vanish, as in perfect crystals")
    assert compared.startswith("Force errors of models of Ge are therefore")
