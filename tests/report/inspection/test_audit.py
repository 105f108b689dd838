"""Copies and missing forces in the data of a run: how they are counted, and what is said."""

import json
from dataclasses import replace
from types import SimpleNamespace

import ase.io
import numpy as np
import pytest
import tiny
import yaml
from scipy.spatial.transform import Rotation
from structures import LATTICE_CONSTANT, diamond

from tlbench.base.errors import InputError
from tlbench.data.cards import load_card
from tlbench.data.fetch import fetch
from tlbench.data.frames import Frames
from tlbench.data.guess import guess_card
from tlbench.data.inspection.copies import copies_among, shapes_of
from tlbench.report.inspection import audit
from tlbench.report.inspection.audit import (
    FILE,
    Copies,
    audit_data_set,
    audit_source,
    check_distinct,
    notes_on_data,
)
from tlbench.report.inspection.compositions import on_compositions
from tlbench.study.loading import load_suite
from tlbench.study.plan import dataset_job
from tlbench.study.study import resolve


@pytest.fixture(scope="module")
def frames() -> Frames:
    return tiny.crystals("Ge", 10)


def turned(frames: Frames) -> Frames:
    """Return rotated frames, forces included."""
    turn = Rotation.from_euler("xyz", [0.3, 1.1, 2.0]).as_matrix()
    return replace(
        frames,
        positions=frames.positions @ turn,
        forces=frames.forces @ turn,
        cell=frames.cell @ turn,
    )


def perfect(*axes: int) -> Frames:
    """Return crystals strained along one axis each: equal by symmetry, and without forces."""
    crystal, found = diamond("Ge"), []
    for axis in axes:
        stretch = np.where(np.arange(3) == axis, 1.02, 1.0)
        found.append(
            replace(crystal, cell=crystal.cell * stretch, positions=crystal.positions * stretch)
        )
    return Frames.concatenate(found)


def test_copies_are_matched_one_by_one(frames):
    some = Frames.concatenate([turned(frames.select([7])), frames.select([0]), perfect(0)])
    found = copies_among(shapes_of(some), shapes_of(frames.select(range(5, 10))))
    assert found.tolist() == [True, False, False]
    assert copies_among(shapes_of(some), []).tolist() == [False] * 3


def test_other_elements_are_no_copies():
    ge, si = (diamond(e, lattice_constant=5.5) for e in ("Ge", "Si"))
    assert not copies_among(shapes_of(ge), shapes_of(si)).any()


def test_copies_of_earlier_parts_are_counted(frames):
    found = audit_data_set(
        {
            "train": Frames.concatenate([frames.select(range(5)), perfect(0)]),
            "validation": Frames.concatenate([frames.select([5, 6]), perfect(1)]),
            # Of a training and of a validation frame, and two perfect crystals.
            "test": Frames.concatenate([turned(frames.select([2, 5, 9])), perfect(1, 2)]),
        }
    )
    assert found.copies == {
        "validation": {"train": Copies(copies=1, with_forces=0)},
        "test": {
            "train": Copies(copies=3, with_forces=1),
            "validation": Copies(copies=1, with_forces=1),
        },
    }
    assert found.forces["test"].without_forces == 2


def test_frames_that_a_source_has_learnt_from_are_counted(frames):
    source = {
        "train": frames.select(range(4)),
        "validation": frames.select([4]),
        "test": frames.select([5]),
    }
    target = {"train": frames.select([9]), "test": turned(frames.select([1, 4, 5]))}
    found = audit_source(source, target)
    assert found.frames == {"train": 1, "test": 3}
    assert found.copies == {
        "train": dict.fromkeys(["train", "validation"], Copies(copies=0, with_forces=0)),
        "test": dict.fromkeys(["train", "validation"], Copies(copies=1, with_forces=1)),
    }


def test_very_many_atoms_are_not_compared(frames, monkeypatch):
    monkeypatch.setattr(audit, "MOST_ATOMS", 8 * 9)
    parts = {"train": frames.select(range(8)), "validation": frames.select([8]),
             "test": frames.select([9])}  # fmt: skip
    assert audit_data_set(parts).copies is None
    assert audit_data_set(parts, sampled=True).copies == {}
    assert audit_data_set(parts).forces["test"].frames == 1
    assert audit_source(parts, parts).copies is None


@pytest.fixture
def cards(tmp_path):
    """Write cards of Ge by name and frames; return the paths."""

    def write(**files: Frames) -> dict[str, str]:
        found = {}
        for name, frames in files.items():
            path = tmp_path / f"{name}.extxyz"
            ase.io.write(path, frames.to_ase(), format="extxyz")
            value = yaml.safe_load(guess_card(path).text)
            found[name] = str(path.with_suffix(".yaml"))
            path.with_suffix(".yaml").write_text(yaml.safe_dump(value))
        return found

    return write


def suite(source: str, target: str, *settings):
    return load_suite("smoke", settings, cards={"source": source, "target": target})


def test_the_same_frames_in_another_file_are_the_same_data(cards, frames):
    # Other bytes: turned, and in another order.
    found = cards(a=frames, b=turned(frames.select(range(9, -1, -1))))
    a, b = (load_card(path) for path in found.values())
    assert a.data_files()["a.extxyz"].sha256 != b.data_files()["b.extxyz"].sha256
    with pytest.raises(
        InputError, match="9 of 10 structures of the target are structures of the source"
    ):
        check_distinct(resolve(suite(found["a"], found["b"])))
    check_distinct(resolve(suite(found["a"], found["b"], ("allow_same_data", "true"))))


def test_two_data_sets_of_one_element_may_share_perfect_crystals(cards, frames):
    widths = LATTICE_CONSTANT["Ge"] * np.linspace(0.97, 1.03, 12)
    common = Frames.concatenate([diamond("Ge", lattice_constant=a) for a in widths])
    other = tiny.crystals("Ge", 10, seed=5)
    found = cards(a=Frames.concatenate([frames, common]), b=Frames.concatenate([other, common]))
    check_distinct(resolve(suite(found["a"], found["b"])))


def test_the_same_perfect_crystals_are_the_same_data(cards, frames):
    """Without any forces, or with forces in a few frames only, they are equal all the same."""
    widths = LATTICE_CONSTANT["Ge"] * np.linspace(0.97, 1.03, 12)
    crystals = Frames.concatenate([diamond("Ge", lattice_constant=a) for a in widths])
    crystals = replace(crystals, energy=np.linspace(-5, -4, 12))
    mixed = Frames.concatenate([crystals, frames.select(range(6))])
    for same, said in (
        (crystals, "of 12 structures of"),
        (mixed, "of 6 structures with forces of"),
    ):
        found = cards(a=same, b=turned(same))
        with pytest.raises(InputError, match=said):
            check_distinct(resolve(suite(found["a"], found["b"])))


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


def test_copies_in_further_test_sets_are_counted(cards, frames, tmp_path):
    backwards = turned(frames.select(range(9, -1, -1)))
    found = cards(a=tiny.crystals("Ge", 10, seed=5), b=frames, c=backwards)
    study = resolve(suite(found["a"], found["b"], ("tested_on", json.dumps([found["c"]]))))
    for card in study.cards:
        folder = tmp_path / dataset_job(card).key
        folder.mkdir()
        for part, some in card.read(fetch(card)).items():
            some.save(folder / f"{part}.npz")
    store = SimpleNamespace(folder=lambda key: tmp_path / key)
    finished = [dataset_job(card).key for card in study.cards]
    assert notes_on_data(study, store, finished, tmp_path).sentences[-1] == (
        "1 of 1 test structures of c is a copy of one of the training structures of b (rotated, "
        "reflected, shifted or repeated). It has forces. Models trained on all of b have been "
        "fitted to it."
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
    assert sentence.startswith("Every force of the test part of sw-si-8 vanishes")
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


def test_constants_that_compositions_leave_open_are_counted(frames):
    mixed = replace(frames, atomic_numbers=frames.atomic_numbers.copy())
    mixed.atomic_numbers[::2] = 14
    parts = {"train": mixed, "validation": mixed.select([0]), "test": mixed.select([1])}
    assert audit_data_set(parts, sampled=True).undetermined == 1
    card = load_card("sw-si").model_copy(update={"elements": ["Si", "Ge"]})
    [said] = on_compositions(card, 1, {}, 1)
    assert "determine only 1 of the 2 constant energies" in said
    assert audit_data_set({**parts, "train": frames}, sampled=True).undetermined == 0
