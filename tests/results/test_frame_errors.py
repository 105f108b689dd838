"""What is published of errors gives every number again: of marked structures, and best weights."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import tiny
from pydantic import ValidationError
from synthetic import PUBLISHED

from tlbench.base.formats import lasting
from tlbench.board.reading import read_submission
from tlbench.board.verification.energies import lacks_energies
from tlbench.board.verification.structures import check_errors, check_tests
from tlbench.jobs.context import BEST, MODEL, Context
from tlbench.jobs.evaluate import ERRORS, KIND
from tlbench.metrics.conditions import key_of
from tlbench.metrics.errors import ENERGY_BIAS
from tlbench.metrics.spec import Errors, FrameErrors
from tlbench.results.frame_errors import TESTS_FORMAT, TestSet, recompute
from tlbench.results.measured_errors import errors_of
from tlbench.results.measured_errors import tests_of as described
from tlbench.study.loading import load_suite
from tlbench.study.study import resolve
from tlbench.training.loss import fit_reference_energy

DATA = "d" * 64
METRICS = ["force_mae", "force_rmse"]
BY = [["temperature_k"]]
MARKS = {"copy": [0, 4], "without forces": [4, 5]}


def of_job(folder, frames, element="Ge", trained=None, **settings):
    """Return the numbers of an evaluate job, and what is published of its errors.

    Reference energies are fitted to the structures ``trained``, by default to all.
    """
    for name in ("model", "data", "out"):
        (folder / name).mkdir()
    potential = tiny.potential("schnet")
    some = frames if trained is None else frames.select(trained)
    fit_reference_energy(potential, tiny.labelled(some, potential))
    potential.save(folder / "model" / MODEL)
    tiny.potential("schnet", seed=1).save(folder / "model" / BEST)
    frames.save(folder / "data" / "test.npz")
    config = {"split": "test", "metrics": METRICS, "by": BY, **settings}
    parents = {"model": folder / "model", "data": folder / "data"}
    result = KIND.perform(config, Context(folder / "out", parents, "cpu", lambda progress: None))
    with np.load(folder / "out" / ERRORS) as arrays:
        found = FrameErrors.of(Errors(**arrays))
    errors = errors_of(found, "e" * 64, DATA, settings.get("weights", "last"))
    values = {(m["metric"], key_of(m["condition"])): m["value"] for m in result["metrics"]}
    return values, errors, described(frames, DATA, element, settings.get("marks", {}))


@pytest.mark.parametrize(
    "settings",
    [{}, {"weights": "best"}, {"marks": MARKS}, {"marks": MARKS, "weights": "best"}],
    ids=["plain", "best", "marks", "marks and best"],
)
def test_what_a_job_measured_is_recomputed(settings, tmp_path):
    values, errors, tests = of_job(tmp_path, tiny.crystals("Ge", 9), **settings)
    found = recompute(errors, tests, METRICS, BY)
    assert found == {key: pytest.approx(value, rel=1e-6) for key, value in values.items()}
    assert len(found) == 2 * (4 + 3 * ("marks" in settings))
    assert all(("weights", "best") in condition for _, condition in found) == (
        settings.get("weights") == "best"
    )


def test_marks_and_weights_change_no_digest_of_what_has_none(tmp_path):
    _, errors, tests = of_job(tmp_path, tiny.crystals("Ge", 9), marks=MARKS)
    assert "weights" not in lasting(errors)
    assert tests.marks == MARKS
    assert tests.digest() == tests.model_copy(update={"marks": {}}).digest()


@pytest.mark.parametrize(
    ("marks", "said"),
    [
        ({"copy": [9]}, "should name structures of the test set"),
        ({"copy": []}, "should name structures of the test set"),
        ({"copy": list(range(9))}, "some structure should have no mark"),
        ({"easy": [1]}, "without forces"),
    ],
)
def test_published_marks_are_of_some_structures(marks, said, tmp_path):
    _, _, tests = of_job(tmp_path, tiny.crystals("Ge", 9))
    with pytest.raises(ValidationError, match=said):
        type(tests).model_validate(tests.model_dump() | {"marks": marks})


def silicon_germanium():
    """Return structures of SiGe7, SiGe and Ge in turn; the first has no stress."""
    frames = tiny.crystals("Ge", 9)
    place, which = np.arange(72) % 8, np.repeat(np.arange(9) % 3, 8)
    n_silicon = np.array([1, 4, 0])[which]
    stress = frames.stress.copy()
    stress[0] = np.nan
    numbers = np.where(place < n_silicon, 14, 32)
    return replace(frames, atomic_numbers=numbers, stress=stress)


ALLOY = {
    "metrics": ["force_mae", "force_rmse", "energy_mae", "stress_mae"],
    "by": [["element"], ["composition"], ["composition", "element"]],
}


def test_what_a_job_measured_of_an_alloy_is_recomputed(tmp_path):
    values, errors, tests = of_job(tmp_path, silicon_germanium(), "Si–Ge", **ALLOY)
    found = recompute(errors, tests, **ALLOY)
    assert found == {key: pytest.approx(value, rel=1e-6) for key, value in values.items()}
    # All, two elements, three compositions with one or two elements: of energies and stress four.
    assert len(found) == 2 * (1 + 2 + 3 + 5) + 2 * 4
    assert errors.stress_abs[0] is None
    assert errors.by_element.keys() == tests.n_atoms_of.keys() == {"Si", "Ge"}
    # Published and read again.
    errors, tests = (type(e).model_validate_json(e.model_dump_json()) for e in (errors, tests))
    assert recompute(errors, tests, **ALLOY) == found


def test_of_one_element_nothing_more_is_published(tmp_path):
    by = [["element"], ["composition"]]
    values, errors, tests = of_job(tmp_path, tiny.crystals("Ge", 9), by=by)
    assert not {"by_element", "stress_abs"} & lasting(errors).keys()
    assert "n_atoms_of" not in lasting(tests)
    found = recompute(errors, tests, METRICS, by)
    assert found == {key: pytest.approx(value, rel=1e-6) for key, value in values.items()}
    # Nor are its errors repeated under its own name.
    assert {condition for _, condition in found} == {()}


def test_errors_that_are_not_by_element_give_none(tmp_path):
    _, errors, tests = of_job(tmp_path, silicon_germanium(), "Si–Ge", by=[])
    assert errors.by_element == {}
    with pytest.raises(ValueError, match="the errors of the atoms of Si are not known"):
        recompute(errors, tests, METRICS, [["element"]])
    assert recompute(errors, tests, METRICS, [["composition"]])


def test_energies_are_unknown_of_structures_with_an_element_without_reference(tmp_path):
    frames = silicon_germanium()
    values, errors, tests = of_job(tmp_path, frames, "Si–Ge", trained=[2, 5, 8], **ALLOY)
    assert [value is None for value in errors.energy] == [n % 3 != 2 for n in range(9)]
    found = recompute(errors, tests, **ALLOY)
    assert found == {key: pytest.approx(value, rel=1e-6) for key, value in values.items()}
    assert [key for metric, key in found if metric == "energy_mae"] == [(("composition", "Ge"),)]
    # Energies of structures all of whose elements have a reference cannot be hidden.
    assert not lacks_energies(errors, tests, [])
    for hidden in (range(9), [8], [0, 2]):
        energy = [None if n in hidden else 0.1 for n in range(9)]
        assert lacks_energies(errors.model_copy(update={"energy": energy}), tests, [])
    nothing = errors.model_copy(update={"energy": None})
    assert lacks_energies(nothing, tests, ["Si"])
    counts = {"Si": [1] * 9, "Ge": [7] * 9}
    in_all = TestSet.model_validate(tests.model_dump() | {"n_atoms_of": counts})
    assert lacks_energies(nothing, in_all, [])
    assert not lacks_energies(nothing, in_all, ["Si"])


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({}, "n_atoms_of should have the atoms of each element"),
        ({"Si": [1, 0], "Ge": [7, 7]}, "should add up to n_atoms, structure by structure"),
        ({"Si": [1], "Ge": [7]}, "should add up to n_atoms, structure by structure"),
        ({"Si": [1, 0], "C": [7, 8]}, "should be of Si, Ge alone"),
        ({"Si": [-1, 0], "Ge": [9, 8]}, "greater than or equal to 0"),
        ({"<b>": [1, 0], "Ge": [7, 8]}, "should match pattern"),
    ],
)
def test_published_elements_are_those_of_the_structures(counts, said):
    fields = {
        "data": DATA, "element": "Si–Ge", "n_atoms": [8, 8], "temperature": [None, None],
        "phases": ["", ""], "groups": ["", ""],
    }  # fmt: skip
    good = TestSet.model_validate({**fields, "n_atoms_of": {"Si": [4, 0], "Ge": [4, 8]}})
    assert good.composition.tolist() == ["SiGe", "Ge"]
    with pytest.raises(ValidationError, match=said):
        TestSet.model_validate({**fields, "n_atoms_of": counts})


@pytest.mark.parametrize(
    ("forged", "said"),
    [
        ({"Si": 0.9, "Ge": 1.0}, ["do not add up to those of all"]),
        ({"Si": 1e-4, "Ge": 1.0}, ["contradict each other", "do not add up to those of all"]),
    ],
)
def test_errors_of_an_element_that_cannot_be_are_noticed(forged, said, tmp_path):
    _, errors, tests = of_job(tmp_path, silicon_germanium(), "Si–Ge", **ALLOY)
    assert list(check_errors([tests], [errors], [])) == []
    parts = {
        symbol: each.model_copy(update={"force_abs": [forged[symbol] * x for x in each.force_abs]})
        for symbol, each in errors.by_element.items()
    }
    better = errors.model_copy(update={"by_element": parts})
    for sentence, wanted in zip(check_errors([tests], [better], []), said, strict=True):
        assert wanted in sentence


def test_energy_errors_of_phases_are_recomputed_though_they_cancel(tmp_path):
    frames = tiny.crystals("Ge", 9)
    frames = replace(frames, phase=np.array(["crystal", "liquid", ""] * 3))
    settings = {"metrics": ["energy_bias", "phase_energy_error"], "by": [["phase"]]}
    values, errors, tests = of_job(tmp_path, frames, **settings)
    found = recompute(errors, tests, **settings)

    of_all, of_phase = (), {name: (("phase", name),) for name in ("crystal", "liquid")}
    bias = {name: values["energy_bias", key] for name, key in of_phase.items()}
    assert values["phase_energy_error", of_all] == pytest.approx(bias["liquid"] - bias["crystal"])
    assert abs(values["phase_energy_error", of_all]) > 0.01
    # The constant was fitted to these structures; a condition has one phase alone.
    assert abs(values["energy_bias", of_all]) < 1e-3
    assert len(values) == 4
    precision = ENERGY_BIAS.published_precision
    assert found == {key: pytest.approx(value, abs=precision) for key, value in values.items()}


@pytest.mark.parametrize(
    ("budgets", "marked", "wrong"),
    [
        (None, {}, False),
        (None, {"copy": [21, 22, 23]}, True),
        ([100, 400], {}, True),
        ([100, 400], {"copy": [21, 22, 23]}, True),
        ([100, 400], {"copy": [21, 22, 23], "without forces": [18, 19, 20]}, False),
    ],
)
def test_marks_are_those_of_the_suite(budgets, marked, wrong):
    """Without its hardest structures, any model could be made to look better."""
    settings = [] if budgets is None else [("budgets", str(budgets))]
    study = resolve(load_suite("strategies", settings))
    card = next(card for card in study.cards if card.name == "mlearn-ge")
    published = PUBLISHED / "matrix-cpu/2026-11-23-two-cores" / "tests.jsonl.gz"
    (tests,) = (each for each in TESTS_FORMAT.read_lines(published) if each.element == "Ge")
    data = SimpleNamespace(
        job=tests.data,
        element="Ge",
        card=card.name,
        n_frames={"test": 24},
        tests=tests.digest(),
        recipe=card.digest(),
    )
    about = SimpleNamespace(data=[data])
    entry = SimpleNamespace(about=about, study=study, cards={card.digest(): card})
    said = list(check_tests(entry, [tests.model_copy(update={"marks": marked})]))
    assert said == (
        ["The marked test structures of mlearn-ge are not those of the suite."] if wrong else []
    )


def test_published_errors_say_how_wrong_the_energy_of_melting_is():
    """Of forces alone DimeNet++ learnt half of it: the liquid lies 0.2 eV/atom too low."""
    entry = read_submission(PUBLISHED / "si-ge-dft-cpu/2026-11-23-two-cores")
    tests = {each.data: each for each in entry.tests()}
    wanted = {
        record.job
        for record in entry.results.records
        if (record.model.backbone, record.model.strategy) == ("dimenetpp", "scratch")
        and record.model.size == 195
    }
    found = []
    for errors in entry.errors():
        if errors.job in wanted:
            test = tests[errors.data]
            (value,) = recompute(errors, test, ["phase_energy_error"], [["phase"]]).values()
            per_atom = 1000 * np.array(errors.energy) / test.n_atoms
            by_phase = {p: per_atom[np.array(test.phases) == p] for p in ("crystal", "liquid")}
            expected = by_phase["liquid"].mean() - by_phase["crystal"].mean()
            assert value == pytest.approx(expected)
            found.append(value)
    assert len(found) == 3
    assert -215 < np.mean(found) < -165
