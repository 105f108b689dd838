"""The evaluate job: metrics by hand, overall and under every condition."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny

from tlbench.base.errors import InputError, UnknownNameError
from tlbench.data.frames import Frames
from tlbench.jobs.context import BEST, MODEL, Context, Progress
from tlbench.jobs.evaluate import KIND
from tlbench.metrics.conditions import parts_of
from tlbench.models.potential import Potential
from tlbench.training.loss import fit_reference_energy

METRICS = ["force_mae", "force_rmse", "energy_mae"]
CONFIG = {"split": "test", "metrics": METRICS, "by": [["temperature_k"]]}
TEMPERATURES = [300.0, 600.0, 900.0]


@pytest.fixture(scope="module")
def frames() -> Frames:
    """Label forty crystals of 8 atoms: more than fit one batch."""
    return tiny.crystals("Ge", 40)


@pytest.fixture(scope="module")
def model() -> Potential:
    """Return a model with a reference energy from other structures."""
    potential = tiny.potential("schnet")
    fit_reference_energy(potential, tiny.labelled(tiny.crystals("Ge", 3, seed=1), potential))
    return potential


def evaluate(
    folder: Path, model: Potential, frames: Frames, config: dict[str, Any] = CONFIG
) -> tuple[dict[tuple[str, float | None], float], list[Progress]]:
    """Return the metrics by name and temperature, None for all frames."""
    for name in ("model", "data", "out"):
        (folder / name).mkdir()
    model.save(folder / "model" / MODEL)
    frames.save(folder / "data" / f"{config['split']}.npz")
    reported: list[Progress] = []
    parents = {"model": folder / "model", "data": folder / "data"}
    result = KIND.perform(config, Context(folder / "out", parents, "cpu", reported.append))
    assert result.keys() == {"metrics"}
    found = {}
    for entry in result["metrics"]:
        assert entry.keys() == {"metric", "condition", "value"}
        assert entry["condition"].keys() <= {"temperature_k"}
        found[entry["metric"], entry["condition"].get("temperature_k")] = entry["value"]
    assert len(found) == len(result["metrics"])
    return found, reported


def test_errors_are_predictions_minus_labels(frames, model, tmp_path):
    evaluate(tmp_path, model, frames)
    potential = model
    found = potential(tiny.labelled(frames, potential).graphs.batch(range(40)))
    with np.load(tmp_path / "out" / "errors.npz") as errors:
        assert errors["n_atoms"].tolist() == [8] * 40
        # The network's single precision, and that of the file.
        np.testing.assert_allclose(
            errors["energy"], found.energy.numpy() - frames.energy, rtol=0, atol=1e-5
        )
        np.testing.assert_allclose(
            errors["forces"], found.forces.numpy() - frames.forces, rtol=0, atol=1e-5
        )


def test_metrics_are_those_of_the_stored_errors(frames, model, tmp_path):
    found, _ = evaluate(tmp_path, model, frames)
    with np.load(tmp_path / "out" / "errors.npz") as errors:
        energy, forces = errors["energy"], errors["forces"].astype(float).reshape(40, 8, 3)
    expected = {}
    for temperature in [None, *TEMPERATURES]:
        chosen = frames.temperature_k == temperature if temperature else np.full(40, True)
        expected["force_mae", temperature] = 1000 * np.abs(forces[chosen]).mean()
        expected["force_rmse", temperature] = 1000 * np.sqrt(np.square(forces[chosen]).mean())
        expected["energy_mae", temperature] = 1000 * np.abs(energy[chosen] / 8).mean()
    assert found == {key: pytest.approx(value, rel=1e-5) for key, value in expected.items()}
    assert len({round(value, 3) for value in found.values()}) == 12


def test_conditions_partition_the_frames(frames, model, tmp_path):
    found, _ = evaluate(tmp_path, model, frames)
    n_frames = np.array([(frames.temperature_k == t).sum() for t in TEMPERATURES])
    assert n_frames.tolist() == [14, 13, 13]
    for name in ("force_mae", "energy_mae"):
        parts = [found[name, temperature] for temperature in TEMPERATURES]
        assert found[name, None] == pytest.approx(np.average(parts, weights=n_frames), rel=1e-9)


def test_frames_of_unknown_temperature_count_only_overall(frames, model, tmp_path):
    few = frames.select(range(3))
    unknown = replace(few, temperature_k=np.array([300.0, np.nan, np.nan]))
    found, _ = evaluate(tmp_path, model, unknown)
    assert {temperature for _, temperature in found} == {None, 300.0}
    with np.load(tmp_path / "out" / "errors.npz") as errors:
        forces = np.abs(errors["forces"].astype(float))
    assert found["force_mae", None] == pytest.approx(1000 * forces.mean(), rel=1e-5)
    assert found["force_mae", 300.0] == pytest.approx(1000 * forces[:8].mean(), rel=1e-5)


def test_a_model_without_a_reference_energy_has_no_energy_error(frames, tmp_path):
    found, _ = evaluate(tmp_path, tiny.potential("schnet"), frames)
    assert {name for name, _ in found} == {"force_mae", "force_rmse"}
    assert len(found) == 2 * 4
    with np.load(tmp_path / "out" / "errors.npz") as errors:
        assert np.isnan(errors["energy"]).all()
        assert np.isfinite(errors["forces"]).all()


def test_only_what_is_asked_for_is_measured(frames, model, tmp_path):
    config = {"split": "validation", "metrics": ["force_rmse"], "by": []}
    found, _ = evaluate(tmp_path, model, frames.select([5, 1]), config)
    assert found.keys() == {("force_rmse", None)}


def test_a_perfect_model_has_no_error(model, tmp_path):
    frames = tiny.crystals("Ge", 3)
    found = model(tiny.labelled(frames, model).graphs.batch(range(3)))
    exact = replace(frames, energy=found.energy.numpy(), forces=found.forces.double().numpy())
    metrics, _ = evaluate(tmp_path, model, exact)
    assert len(metrics) == 3 * 4
    assert max(metrics.values()) < 1e-2


def test_progress_is_reported_batch_by_batch(frames, model, tmp_path):
    _, reported = evaluate(tmp_path, model, frames)
    n_batches = len(tiny.labelled(frames, model).batches())
    assert n_batches > 1
    assert reported == [Progress(done, n_batches) for done in range(1, n_batches + 1)]


def test_an_unknown_metric_is_refused(frames, model, tmp_path):
    with pytest.raises(UnknownNameError, match="force_mae"):
        evaluate(tmp_path, model, frames.select([0]), CONFIG | {"metrics": ["force_mea"]})


def test_the_same_evaluation_gives_the_same_bytes(frames, model, tmp_path):
    written = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        evaluate(tmp_path / name, model, frames)
        written.append((tmp_path / name / "out" / "errors.npz").read_bytes())
    assert written[0] == written[1]


def test_metrics_are_broken_down_by_combinations_of_properties(frames, model, tmp_path):
    number = np.arange(len(frames))
    kinds = replace(
        frames,
        phase=np.where(frames.temperature_k > 500, "liquid", "crystal"),
        group=np.where(number < 3, "", np.where(number % 2, "odd", "even")),
    )

    def conditions_of(frames: Frames, names: list[str]) -> list[dict[str, float | str]]:
        return [condition for condition, _ in parts_of(frames, names)]

    assert conditions_of(kinds, ["temperature_k", "phase"]) == [
        {"temperature_k": 300.0, "phase": "crystal"},
        {"temperature_k": 600.0, "phase": "liquid"},
        {"temperature_k": 900.0, "phase": "liquid"},
    ]
    plain = replace(kinds, phase=np.full(len(kinds), ""))
    assert conditions_of(plain, ["temperature_k", "phase"]) == [
        {"temperature_k": t} for t in (300.0, 600.0, 900.0)
    ]
    assert conditions_of(plain, ["phase"]) == []
    assert conditions_of(kinds, ["group"]) == [{"group": "even"}, {"group": "odd"}]
    (tmp_path / "model").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "out").mkdir()
    model.save(tmp_path / "model" / MODEL)
    kinds.save(tmp_path / "data" / "test.npz")
    parents = {"model": tmp_path / "model", "data": tmp_path / "data"}
    config = {"split": "test", "metrics": ["force_mae"], "by": [["temperature_k", "phase"]]}
    result = KIND.perform(config, Context(tmp_path / "out", parents, "cpu", lambda progress: None))
    found = {tuple(m["condition"].values()): m["value"] for m in result["metrics"]}
    with np.load(tmp_path / "out" / "errors.npz") as errors:
        forces, n_atoms = np.abs(errors["forces"]), errors["n_atoms"]
    hot = np.repeat(kinds.temperature_k == 900.0, n_atoms)
    assert found[900.0, "liquid"] == pytest.approx(1000 * forces[hot].mean(), rel=1e-6)
    assert len(found) == 4


def values_by_metric(folder: Path, config: dict[str, Any]) -> dict[str, float]:
    """Return the values of a job over all test structures."""
    parents = {"model": folder / "model", "data": folder / "data"}
    result = KIND.perform(config, Context(folder / "out", parents, "cpu", lambda progress: None))
    return {m["metric"]: m["value"] for m in result["metrics"]}


def conditions_and_values(folder: Path, config: dict[str, Any]) -> dict[tuple[Any, ...], float]:
    parents = {"model": folder / "model", "data": folder / "data"}
    result = KIND.perform(config, Context(folder / "out", parents, "cpu", lambda progress: None))
    found = {tuple(sorted(m["condition"].items())): m["value"] for m in result["metrics"]}
    assert len(found) == len(result["metrics"])
    return found


def mixed(frames: Frames) -> Frames:
    """Return germanium crystals in which every third atom is called silicon."""
    silicon = np.arange(len(frames.atomic_numbers)) % 3 == 0
    return replace(frames, atomic_numbers=np.where(silicon, 14, frames.atomic_numbers))


def test_forces_are_measured_by_element_and_energies_are_not(frames, measured):
    binary = mixed(frames)
    binary.save(measured / "data" / "test.npz")
    config = {
        "split": "test",
        "metrics": ["force_mae", "energy_mae"],
        "by": [["element"], ["temperature_k", "element"], ["composition"]],
    }
    found = conditions_and_values(measured, config | {"metrics": ["force_mae"]})
    with np.load(measured / "out" / "errors.npz") as errors:
        forces = 1000 * np.abs(errors["forces"]).mean(axis=1)
        assert (errors["elements"] == np.where(binary.atomic_numbers == 14, "Si", "Ge")).all()
    hot = np.repeat(frames.temperature_k == 900.0, frames.n_atoms)
    silicon = binary.atomic_numbers == 14
    expected = {(): forces.mean()}
    for symbol, atoms in (("Ge", ~silicon), ("Si", silicon)):
        expected[(("element", symbol),)] = forces[atoms].mean()
        expected[("element", symbol), ("temperature_k", 900.0)] = forces[atoms & hot].mean()
    for key, value in expected.items():
        assert found[key] == pytest.approx(value, rel=1e-5)
    names = {tuple(name for name, _ in key) for key in found}
    assert names == {(), ("element",), ("element", "temperature_k"), ("composition",)}
    energies = conditions_and_values(measured, config | {"metrics": ["energy_bias"]})
    assert not any("element" in dict(key) for key in energies)


def test_the_stress_is_measured_where_it_is_known(frames, model, measured):
    stress, pbc = frames.stress.copy(), frames.pbc.copy()
    stress[::2], pbc[1] = np.nan, False
    replace(frames, stress=stress, pbc=pbc).save(measured / "data" / "test.npz")
    both = {"split": "test", "metrics": ["force_mae", "stress_mae"], "by": []}
    found = values_by_metric(measured, both)
    with np.load(measured / "out" / "errors.npz") as errors:
        assert np.isfinite(errors["stress"]).all(axis=(1, 2)).tolist() == [
            n % 2 == 1 and n > 1 for n in range(40)
        ]
    some = frames.select(range(3, 40, 2))
    graph = tiny.labelled(some, model).graphs.batch(range(len(some)))
    error = model(graph, stress=True).stress.double().numpy() - some.stress
    error = error[:, *np.triu_indices(3)]
    assert found["stress_mae"] == pytest.approx(np.abs(error).mean(), rel=1e-5)
    # Forces are those of a job that does not ask for the stress.
    alone = values_by_metric(measured, both | {"metrics": ["force_mae"]})
    assert alone["force_mae"] == pytest.approx(found["force_mae"], rel=1e-6)
    with np.load(measured / "out" / "errors.npz") as errors:
        assert set(errors) == {"energy", "forces", "n_atoms"}


MARKS = {"copy": ["strained", 1], "without forces": [0]}
FORCES = {"split": "test", "metrics": ["force_mae"], "by": [["temperature_k"]]}


@pytest.fixture
def measured(frames, model, tmp_path) -> Path:
    """Return a folder with a model, the structures, and other weights as the best of the model."""
    for name in ("model", "data", "out"):
        (tmp_path / name).mkdir()
    model.save(tmp_path / "model" / MODEL)
    tiny.potential("schnet", seed=7).save(tmp_path / "model" / BEST)
    group = np.where(np.arange(40) < 30, "bulk", "strained")
    replace(frames, group=group).save(tmp_path / "data" / "test.npz")
    return tmp_path


def test_marked_structures_count_only_where_they_are_named(frames, measured):
    found = conditions_and_values(measured, FORCES | {"marks": MARKS})
    with np.load(measured / "out" / "errors.npz") as errors:
        of_frame = 1000 * np.abs(errors["forces"].reshape(40, -1)).mean(axis=1)
    unmarked = np.arange(40)[2:30]
    expected = {
        (): of_frame[unmarked].mean(),
        (("marked", "copy"),): of_frame[[1, *range(30, 40)]].mean(),
        (("marked", "without forces"),): of_frame[0],
        (("marked", "included"),): of_frame.mean(),
    }
    for temperature in TEMPERATURES:
        members = unmarked[frames.temperature_k[unmarked] == temperature]
        expected[(("temperature_k", temperature),)] = of_frame[members].mean()
    assert found == {key: pytest.approx(value, rel=1e-5) for key, value in expected.items()}


def test_the_best_weights_are_measured_under_conditions_of_their_own(measured):
    last = conditions_and_values(measured, FORCES)
    best = conditions_and_values(measured, FORCES | {"weights": "best"})
    assert best.keys() == {(*key, ("weights", "best")) for key in last}
    assert all(best[(*key, ("weights", "best"))] != value for key, value in last.items())
    # They are those of the other file.
    (measured / "model" / BEST).replace(measured / "model" / MODEL)
    assert conditions_and_values(measured, FORCES) == {
        key[:-1]: value for key, value in best.items()
    }


@pytest.mark.parametrize(
    ("marks", "said"),
    [
        ({"copy": [40]}, "frame 40 is marked 'copy', but the test part has the frames 0 to 39"),
        ({"copy": ["Surface"]}, "no test frame has it; groups there are: bulk, strained"),
        ({"copy": ["strained"], "without forces": ["bulk"]}, "every test frame is marked"),
    ],
    ids=["frame", "group", "all"],
)
def test_marks_that_cannot_be_meant_are_refused(marks, said, measured):
    with pytest.raises(InputError, match=said):
        conditions_and_values(measured, FORCES | {"marks": marks})
