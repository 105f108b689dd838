"""What a training job writes: an ordinary potential, the same after a kill, and invariant."""

from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from transferred import EVERY, SI, every_backbone

from tlbench.base.errors import InputError
from tlbench.jobs.context import BEST, MODEL, Context, Progress
from tlbench.jobs.train import KIND
from tlbench.models.backbones import BACKBONES
from tlbench.models.contract import invariances
from tlbench.models.contract.clause import CLAUSES
from tlbench.models.potential import in_precision, load_potential, tensors_of

UPDATES = 4
INVARIANCES = [clause for clause in CLAUSES if clause.measure.__module__ == invariances.__name__]
SHAPES = {**tiny.BACKBONES, **tiny.OTHERS}


class Killed(Exception):  # noqa: N818  # as KeyboardInterrupt
    pass


@pytest.fixture
def parents(backbone: str, tmp_path: Path) -> dict[str, Path]:
    """Write data sets and a source model that knows silicon."""
    found = {name: tmp_path / name for name in ("data", "replayed", "source")}
    for folder in found.values():
        folder.mkdir()
    tiny.crystals("Ge", 4).save(found["data"] / "train.npz")
    tiny.crystals("Ge", 2, seed=1).save(found["data"] / "validation.npz")
    tiny.crystals("Si", 4).save(found["replayed"] / "train.npz")
    source = tiny.potential(backbone, seed=123)
    source.reference_energy[SI] = -4.0
    source.save(found["source"] / MODEL)
    return found


def config(backbone: str, strategy: str, **training: Any) -> dict[str, Any]:
    settings = {"updates": UPDATES, "batch_size": 5, "validation_points": 2}
    return {
        "backbone": {"name": backbone, "config": SHAPES[backbone]},
        "strategy": strategy,
        "elements": {"source": "Si", "target": "Ge"},
        "subset": None,
        "init_seed": 0,
        "best": True,
        "training": settings | training,
    }


def do(folder: Path, wanted: dict[str, Any], parents: dict[str, Path], on_progress=None) -> None:
    folder.mkdir(exist_ok=True)
    report = on_progress or (lambda progress: None)
    KIND.perform(wanted, Context(folder, parents, "cpu", report))


@every_backbone
@pytest.mark.parametrize("strategy", ["lora+rank2", "multihead", "self-replay"])
def test_a_killed_training_ends_in_the_same_ordinary_potential(
    backbone, strategy, parents, tmp_path, monkeypatch
):
    monkeypatch.setattr("tlbench.training.loop.CHECKPOINT_SECONDS", -1.0)
    wanted, undisturbed, killed = config(backbone, strategy), tmp_path / "one", tmp_path / "two"
    if strategy == "self-replay":
        # Sources whose data nobody has.
        del parents["replayed"]

    def kill(progress: Progress) -> None:
        if progress.done == 3:
            raise Killed

    do(undisturbed, wanted, parents)
    with pytest.raises(Killed):
        do(killed, wanted, parents, kill)
    seen: list[int] = []
    do(killed, wanted, parents, lambda progress: seen.append(progress.done))

    assert seen == [UPDATES]
    assert {path.name for path in killed.iterdir()} == {MODEL, BEST, "curve.json"}
    for path in undisturbed.iterdir():
        assert path.read_bytes() == (killed / path.name).read_bytes(), path.name
    found = load_potential(undisturbed / MODEL)
    assert tensors_of(found).keys() == tensors_of(tiny.potential(backbone)).keys()
    assert found.reference_energy[32].isfinite()


@pytest.mark.parametrize(
    ("backbone", "strategy"),
    [
        *(pytest.param(*each.values, "lora+rank2", marks=each.marks) for each in EVERY),
        ("equivariant", "multihead"),
        ("equivariant", "self-replay"),
    ],
)
def test_the_file_keeps_the_symmetries_of_its_backbone(backbone, strategy, parents, tmp_path):
    do(tmp_path / "job", config(backbone, strategy, learning_rate=0.1), parents)
    potential = in_precision(load_potential(tmp_path / "job" / MODEL), torch.float64)
    stated = BACKBONES.get(backbone)(**SHAPES[backbone]).violations()
    for clause in INVARIANCES:
        if clause.name not in stated:
            assert clause.measure(potential) <= clause.tolerance(torch.float64), clause.name


@pytest.mark.parametrize("backbone", ["schnet"])
def test_a_rank_larger_than_every_layer_is_refused(backbone, parents, tmp_path):
    with pytest.raises(InputError, match=r"^lora: rank 9 is larger than that of every"):
        do(tmp_path / "job", config(backbone, "lora+rank9"), parents)
