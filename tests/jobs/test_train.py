"""The train job: its artefacts, its reproducibility, and which structures it sees."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch
from pydantic import ValidationError

from tlbench.base.errors import InputError
from tlbench.data.frames import Frames
from tlbench.data.splits import Drawn, nested_subset, validation_subset
from tlbench.engine.store.provenance import Provenance
from tlbench.jobs.context import BEST, MODEL, Context, Progress
from tlbench.jobs.train import KIND, _pace
from tlbench.models.potential import load_potential
from tlbench.training.loop import force_mae

GE = 32

every_backbone = pytest.mark.parametrize("backbone", tiny.BACKBONES)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    tiny.crystals("Ge", 8).save(folder / "train.npz")
    tiny.crystals("Ge", 3, seed=1).save(folder / "validation.npz")
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    tiny.potential("schnet", seed=123).save(folder / MODEL)
    return folder


def config(backbone: str = "schnet", strategy: str = "scratch", **changes: Any) -> dict[str, Any]:
    return {
        "backbone": {"name": backbone, "config": tiny.BACKBONES[backbone]},
        "strategy": strategy,
        "elements": {"source": None if strategy == "scratch" else "Si", "target": "Ge"},
        "subset": {"size": 4, "seed": 0, "temperature_k": None},
        "init_seed": 0,
        "training": {"updates": 6, "batch_size": 2, "validation_points": 2},
    } | changes


def do(
    folder: Path, config: dict[str, Any], reported: list[Progress] | None = None, **parents: Path
) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    reported = [] if reported is None else reported
    return KIND.perform(config, Context(folder, parents, "cpu", reported.append))


@every_backbone
def test_artefacts_and_results(backbone, data, tmp_path):
    reported: list[Progress] = []

    result = do(tmp_path, config(backbone), reported, data=data)

    assert {path.name for path in tmp_path.iterdir()} == {MODEL, "curve.json"}
    potential = load_potential(tmp_path / MODEL)
    curve = json.loads((tmp_path / "curve.json").read_text())
    validation = tiny.labelled(Frames.load(data / "validation.npz"), potential)
    assert result == {
        "n_parameters": potential.backbone.n_parameters(),
        "n_frames": 4,
        "validation_force_mae": pytest.approx(force_mae(potential, validation), rel=1e-5),
    }
    assert len(curve["loss"]) == 6
    assert [update for update, _ in curve["validation"]] == [3, 6]
    assert curve["validation"][-1][1] == result["validation_force_mae"]
    assert [(p.done, p.total) for p in reported] == [(n, 6) for n in range(1, 7)]
    # Losses are read now and then; the last report has the last of them.
    assert {p.loss for p in reported} <= {None, *curve["loss"]}
    assert reported[-1].loss == curve["loss"][-1]
    assert potential.reference_energy.isfinite().nonzero().flatten().tolist() == [GE]
    assert json.loads(json.dumps(result, allow_nan=False)) == result


@every_backbone
def test_the_same_configuration_gives_the_same_bytes(backbone, data, tmp_path):
    ends = []
    for number in range(2):
        # Whatever state the process is in.
        torch.manual_seed(number)
        torch.set_default_dtype((torch.float32, torch.float64)[number])
        try:
            do(tmp_path / str(number), config(backbone), data=data)
        finally:
            torch.set_default_dtype(torch.float32)
        ends.append([(tmp_path / str(number) / n).read_bytes() for n in (MODEL, "curve.json")])
    assert ends[0] == ends[1]


@pytest.mark.parametrize(
    "change",
    [
        {"init_seed": 1},
        {"subset": {"size": 4, "seed": 1, "temperature_k": None}},
        {"subset": {"size": 5, "seed": 0, "temperature_k": None}},
        {"subset": None},
        {"training": {"updates": 6, "batch_size": 2, "learning_rate": 2e-3}},
        {"training": {"updates": 6, "batch_size": 2, "dtype": "float64"}},
    ],
    ids=["init seed", "subset seed", "subset size", "all data", "learning rate", "dtype"],
)
def test_any_other_configuration_gives_another_model(change, data, tmp_path):
    do(tmp_path / "one", config(), data=data)
    do(tmp_path / "two", config(**change), data=data)
    one, two = (tmp_path / name / MODEL for name in ("one", "two"))
    assert one.read_bytes() != two.read_bytes()


def test_the_subset_seed_does_not_change_the_initial_weights(data, tmp_path):
    nothing_learnt = {"updates": 1, "learning_rate": 1e-30, "validation_points": 0}
    weights = []
    for number, (subset_seed, init_seed) in enumerate([(0, 0), (1, 0), (0, 1)]):
        wanted = config(
            subset={"size": 4, "seed": subset_seed, "temperature_k": None},
            init_seed=init_seed,
            training=nothing_learnt,
        )
        do(tmp_path / str(number), wanted, data=data)
        potential = load_potential(tmp_path / str(number) / MODEL)
        weights.append(torch.cat([p.detach().flatten() for p in potential.parameters()]))
    torch.testing.assert_close(weights[1], weights[0], rtol=0, atol=1e-20)
    assert float((weights[2] - weights[0]).abs().max()) > 0.1


@pytest.mark.parametrize(("size", "seed"), [(1, 0), (3, 0), (3, 1)])
def test_only_the_structures_of_the_subset_are_used(size, seed, data, tmp_path):
    """Whatever the other structures hold, the model is the same."""
    frames = Frames.load(data / "train.npz")
    others = np.setdiff1d(np.arange(8), nested_subset(8, size, seed))
    forces, energy = frames.forces.reshape(8, 8, 3).copy(), frames.energy.copy()
    forces[others], energy[others] = np.nan, np.nan
    spoilt = tmp_path / "spoilt"
    spoilt.mkdir()
    replace(frames, forces=forces.reshape(-1, 3), energy=energy).save(spoilt / "train.npz")
    (spoilt / "validation.npz").write_bytes((data / "validation.npz").read_bytes())
    wanted = config(subset={"size": size, "seed": seed, "temperature_k": None})

    result = do(tmp_path / "one", wanted, data=data)
    do(tmp_path / "two", wanted, data=spoilt)

    assert result["n_frames"] == size
    one, two = (tmp_path / name / MODEL for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    # One more structure is one that is spoilt.
    with pytest.raises(InputError, match="have no forces"):
        do(
            tmp_path / "three",
            config(subset={"size": size + 1, "seed": seed, "temperature_k": None}),
            data=spoilt,
        )


def test_without_a_subset_all_data_are_used(data, tmp_path):
    assert do(tmp_path, config(subset=None), data=data)["n_frames"] == 8


def test_too_large_a_subset_is_refused(data, tmp_path):
    with pytest.raises(InputError, match="choose a size from 1 to 8"):
        do(tmp_path, config(subset={"size": 9, "seed": 0, "temperature_k": None}), data=data)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_network_is_saved_in_the_precision_that_it_was_trained_in(dtype, data, tmp_path):
    do(tmp_path, config(training={"updates": 1, "dtype": dtype}), data=data)
    potential = load_potential(tmp_path / MODEL)
    assert potential.dtype == getattr(torch, dtype)
    assert potential.reference_energy.dtype == torch.float64


def test_fine_tuning_starts_from_the_source(data, source, tmp_path):
    """After one tiny step it is still close to the source, whose init seed does not matter."""
    training = {"updates": 1, "learning_rate": 1e-4}
    for seed in (0, 1):
        wanted = config(strategy="finetune", init_seed=seed, training=training)
        do(tmp_path / f"tuned {seed}", wanted, data=data, source=source)
        original = load_potential(source / MODEL).backbone.state_dict()
        tuned = load_potential(tmp_path / f"tuned {seed}" / MODEL).backbone.state_dict()
        largest = {name: float((tuned[name] - original[name]).abs().max()) for name in tuned}
        # The row of germanium is now close to that of silicon instead.
        embedding = largest.pop("embedding.weight")
        assert embedding > 0.1
        row = tuned["embedding.weight"][GE] - original["embedding.weight"][14]
        assert 0 < float(row.abs().max()) < 1.1e-4
        assert 0 < max(largest.values()) < 1.1e-4


def test_the_init_seed_decides_the_order_of_the_batches(data, source, tmp_path):
    """Fine-tuning without learning has the same weights, so its losses show the batches."""
    nothing_learnt = {"updates": 6, "batch_size": 2, "learning_rate": 1e-30}
    losses = []
    for number, seed in enumerate([0, 0, 1]):
        wanted = config(strategy="finetune", init_seed=seed, training=nothing_learnt)
        do(tmp_path / str(number), wanted, data=data, source=source)
        losses.append(json.loads((tmp_path / str(number) / "curve.json").read_text())["loss"])
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]


def test_zero_shot_needs_no_data_and_leaves_no_curve(source, tmp_path):
    folder = tmp_path / "zero-shot"
    result = do(folder, config(strategy="zero-shot", subset=None, training=None), source=source)
    potential = load_potential(folder / MODEL)
    assert result == {"n_parameters": potential.backbone.n_parameters()}
    assert {path.name for path in folder.iterdir()} == {MODEL}
    assert potential.reference_energy.isnan().all()


def test_an_interrupted_job_ends_in_the_same_bytes(data, tmp_path, monkeypatch):
    monkeypatch.setattr("tlbench.training.loop.CHECKPOINT_SECONDS", -1.0)
    do(tmp_path / "undisturbed", config(), data=data)

    class Killed(Exception):  # noqa: N818  # as KeyboardInterrupt
        pass

    def kill(progress: Progress) -> None:
        if progress.done == 4:
            raise Killed

    folder = tmp_path / "interrupted"
    folder.mkdir()
    with pytest.raises(Killed):
        KIND.perform(config(), Context(folder, {"data": data}, "cpu", kill))
    reported: list[Progress] = []
    context = Context(folder, {"data": data}, "cpu", reported.append)
    KIND.perform(config(), context)

    assert [progress.done for progress in reported] == [5, 6]
    # A cost is that of all updates, whichever attempt made them.
    before = context.measured["seconds_before"]
    assert min(before) > 0
    provenance = {"wall_seconds": 2.0, "cpu_seconds": 1.0, **context.measured}
    whole = Provenance.model_construct(**provenance).whole()
    assert (whole.wall_seconds, whole.cpu_seconds) == (2.0 + before[0], 1.0 + before[1])
    names = {path.name for path in folder.iterdir()}
    assert names == {MODEL, "curve.json"}
    for name in names:
        assert (folder / name).read_bytes() == (tmp_path / "undisturbed" / name).read_bytes()


def test_the_pace_of_an_attempt_leaves_its_first_update_out():
    """The first is slower, and says nothing of the others."""
    updates, one = {"updates": 10.0}, {"updates_of_attempt": 1.0}
    several = {"updates_of_attempt": 5.0, "updates_per_second": 2.0}
    assert _pace([(5, 1.0), (9, 3.0)], 10) == updates | several
    assert _pace([(10, 1.0)], 10) == updates | one
    assert _pace([], 10) == updates


RISING = {"updates": 12, "batch_size": 2, "learning_rate": 0.3, "validation_points": 12}
"""A learning rate so high that the validation error does not fall to the end."""


@every_backbone
def test_the_best_weights_are_those_of_the_lowest_validation_error(backbone, data, tmp_path):
    result = do(tmp_path, config(backbone, training=RISING, best=True), data=data)

    curve = json.loads((tmp_path / "curve.json").read_text())["validation"]
    errors = dict(curve)
    update, error = result["best_update"], result["best_validation_force_mae"]
    assert error == errors[update] == min(errors.values())
    # The curve shows that the error has risen since.
    assert update < 12
    assert error < errors[12] == result["validation_force_mae"]
    best, last = (load_potential(tmp_path / name) for name in (BEST, MODEL))
    validation = tiny.labelled(Frames.load(data / "validation.npz"), best)
    assert force_mae(best, validation) == pytest.approx(error, rel=1e-6)
    train = tiny.labelled(Frames.load(data / "train.npz").select(nested_subset(8, 4, 0)), best)
    energies = [
        float(
            (
                potential(train.batch(torch.arange(4)).graph).energy
                - train.batch(torch.arange(4)).energy
            ).mean()
        )
        for potential in (best, last)
    ]
    assert energies == pytest.approx([0, 0], abs=1e-4)
    assert best.reference_energy[GE] != last.reference_energy[GE]


def test_keeping_the_best_weights_changes_nothing_else(data, tmp_path):
    training = RISING | {"updates": 4, "validation_points": 1}
    do(tmp_path / "one", config(training=training), data=data)
    result = do(tmp_path / "two", config(training=training, best=True), data=data)
    one, two, best = (
        (tmp_path / path).read_bytes() for path in (f"one/{MODEL}", f"two/{MODEL}", f"two/{BEST}")
    )
    assert one == two
    # The last update is a validation point, here the only one.
    assert best == two
    assert result["best_update"] == 4


def test_a_job_declares_the_best_weights_where_they_are_kept(data, tmp_path):
    for best in (False, True):
        wanted = config(best=best)
        do(tmp_path / str(best), wanted, data=data)
        assert {path.name for path in (tmp_path / str(best)).iterdir()} == KIND.outputs_of(wanted)
    assert BEST in KIND.outputs_of(config(best=True))


@pytest.mark.parametrize("training", [None, {"updates": 2, "validation_points": 0}])
def test_there_are_no_best_weights_without_validation(training, tmp_path):
    with pytest.raises(ValidationError, match="with at least one validation point"):
        do(tmp_path, config(training=training, best=True))


@every_backbone
@pytest.mark.parametrize("killed_at", [1, 3, 7, 11])
def test_an_interrupted_job_ends_in_the_same_best_weights(
    backbone, killed_at, data, tmp_path, monkeypatch
):
    monkeypatch.setattr("tlbench.training.loop.CHECKPOINT_SECONDS", -1.0)
    wanted = config(backbone, training=RISING, best=True)
    expected = do(tmp_path / "undisturbed", wanted, data=data)

    class Killed(Exception):  # noqa: N818  # as KeyboardInterrupt
        pass

    def kill(progress: Progress) -> None:
        if progress.done == killed_at:
            raise Killed

    folder = tmp_path / "interrupted"
    folder.mkdir()
    with pytest.raises(Killed):
        KIND.perform(wanted, Context(folder, {"data": data}, "cpu", kill))
    assert do(folder, wanted, data=data) == expected
    assert {path.name for path in folder.iterdir()} == KIND.outputs_of(wanted)
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / "undisturbed" / path.name).read_bytes()


def test_validation_structures_are_as_many_as_asked_for(data, tmp_path):
    validation = Frames.load(data / "validation.npz")
    subset = Drawn(size=4, seed=5)
    wanted = config(subset=subset.model_dump(), validation_size=2, best=True)
    result = do(tmp_path / "two", wanted, data=data)
    potential = load_potential(tmp_path / "two" / MODEL)
    watched = tiny.labelled(validation_subset(validation, 2, subset), potential)
    assert len(watched) == 2
    assert result["validation_force_mae"] == pytest.approx(force_mae(potential, watched), rel=1e-6)
    # More than there are: all of them.
    every = do(tmp_path / "all", wanted | {"validation_size": None}, data=data)
    assert do(tmp_path / "more", wanted | {"validation_size": 9}, data=data) == every
    assert every["validation_force_mae"] != result["validation_force_mae"]


def test_a_stratified_subset_is_trained_on(data, tmp_path):
    """Of crystals rattled in turn by three amplitudes, three have one of each."""
    wanted = config(subset={"size": 3, "seed": 0, "strata": ["temperature_k"]})
    random = config(subset={"size": 3, "seed": 0})
    assert do(tmp_path / "one", wanted, data=data)["n_frames"] == 3
    do(tmp_path / "two", random, data=data)
    assert (tmp_path / "one" / MODEL).read_bytes() != (tmp_path / "two" / MODEL).read_bytes()
    with pytest.raises(InputError, match="no structure has a known group"):
        do(tmp_path / "3", config(subset={"size": 3, "seed": 0, "strata": ["group"]}), data=data)


@pytest.mark.parametrize(("tf32", "device"), [(True, "cpu"), (False, "cpu:0"), (True, "cpu:0")])
def test_only_a_training_that_asks_for_it_is_rounded_to_tf32_and_only_on_an_accelerator(
    tf32: bool, device: str, data: Path, tmp_path: Path
) -> None:
    """The device "cpu:0" stands for one that is not "cpu"."""
    seen: list[bool] = []

    def report(progress: Progress) -> None:
        seen.append(torch.get_float32_matmul_precision() == "high")

    settings = config()
    settings["training"]["tf32"] = tf32
    context = Context(tmp_path, {"data": data}, device, report)
    KIND.perform(settings, context)
    rounded = tf32 and device != "cpu"
    assert set(seen) == {rounded}
    assert context.measured.get("tf32") == (None if device == "cpu" else rounded)
    assert torch.get_float32_matmul_precision() == "highest"
