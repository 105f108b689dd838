"""A new strategy is one file: what it trains, adds to the loss, and does before and after."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import tiny
import torch
from torch import Tensor
from torch.nn import Parameter

from tlbench.jobs.context import MODEL, Context
from tlbench.jobs.train import Config, run
from tlbench.models.backbones.base import EMBEDDING
from tlbench.models.parameters import stages_of
from tlbench.models.potential import Potential, load_potential
from tlbench.training.loop import force_mae
from tlbench.transfer import STRATEGIES
from tlbench.transfer.strategy import Batches, ParameterGroup, Penalty, Strategy

seen: list[list[int]] = []


def all_but_embedding(potential: Potential) -> list[ParameterGroup]:
    stages = stages_of(potential.backbone)
    return [ParameterGroup([p for s, some in stages.items() if s != EMBEDDING for p in some])]


def shrinking(parameters: Sequence[Parameter]) -> Penalty:
    def penalty() -> Tensor:
        return 1e4 * sum(p.square().sum() for p in parameters)

    return penalty


def source_last(n_target: int, n_source: int, batch_size: int, seed: int) -> Batches:
    def batch(update: int) -> Tensor:
        indices = [update % n_target, n_target + update % n_source]
        seen.append(indices)
        return torch.tensor(indices)

    return batch


def with_offset(potential: Potential) -> None:
    potential.backbone.lin2.bias.data.fill_(0.5)


def doubled(potential: Potential) -> None:
    potential.backbone.lin2.bias.data.mul_(2)


TOY = Strategy(
    name="toy",
    summary="freezes the embedding, and makes all other weights small",
    literature="none",
    needs_source=True,
    trains=True,
    needs_source_data=True,
    trains_elements=False,
    before=with_offset,
    trained=all_but_embedding,
    batches=source_last,
    penalty=shrinking,
    after=doubled,
)


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STRATEGIES._entries, "toy", TOY)


@pytest.mark.usefixtures("registered")
def test_the_train_job_does_all_that_a_strategy_says(tmp_path: Path) -> None:
    parents = {name: tmp_path / name for name in ("data", "replayed", "source")}
    for folder in parents.values():
        folder.mkdir()
    tiny.crystals("Ge", 3).save(parents["data"] / "train.npz")
    tiny.crystals("Ge", 2, seed=1).save(parents["data"] / "validation.npz")
    tiny.crystals("Si", 5).save(parents["replayed"] / "train.npz")
    source = tiny.potential("schnet")
    source.save(parents["source"] / MODEL)
    config = {
        "backbone": {"name": "schnet", "config": tiny.BACKBONES["schnet"]},
        "strategy": "toy",
        "elements": {"source": "Si", "target": "Ge"},
        "subset": None,
        "init_seed": 0,
        "training": {"updates": 8, "learning_rate": 1e-3, "validation_points": 0},
    }

    run(Config.model_validate(config), Context(tmp_path, parents, "cpu", lambda progress: None))

    found = load_potential(tmp_path / MODEL).backbone
    before = dict(source.backbone.named_parameters())
    table = before.pop("embedding.weight").detach().clone()
    table[32] = table[14]
    assert torch.equal(found.embedding.weight, table)
    assert before.pop("lin2.bias").item() != 0.5
    trained = {name: p for name, p in found.named_parameters() if name in before}
    assert len(trained) == len(before)
    # The penalty outweighs the loss by far, and Adam's steps follow its sign.
    moved = {name: (trained[name] - p).detach() for name, p in before.items()}
    assert all(bool((moved[name] * p).sum() < 0) for name, p in before.items() if p.abs().sum())
    assert 2 * 0.49 < found.lin2.bias.item() < 2 * 0.5
    assert seen == [[n % 3, 3 + n % 5] for n in range(8)]


def test_the_error_of_a_training_is_that_of_the_weights_that_are_kept(monkeypatch, tmp_path):
    def steeper(potential: Potential) -> None:
        potential.backbone.lin2.weight.data.mul_(2)

    monkeypatch.setitem(
        STRATEGIES._entries, "toy", replace(STRATEGIES.get("scratch"), name="toy", after=steeper)
    )
    data = tmp_path / "data"
    data.mkdir()
    validation = tiny.crystals("Ge", 2, seed=1)
    tiny.crystals("Ge", 3).save(data / "train.npz")
    validation.save(data / "validation.npz")
    config = {
        "backbone": {"name": "schnet", "config": tiny.BACKBONES["schnet"]},
        "strategy": "toy",
        "elements": {"target": "Ge"},
        "subset": None,
        "init_seed": 0,
        "training": {"updates": 8, "learning_rate": 1e-3, "validation_points": 2},
    }
    context = Context(tmp_path, {"data": data}, "cpu", lambda progress: None)
    found = run(Config.model_validate(config), context).validation_force_mae
    kept = load_potential(tmp_path / MODEL)
    assert found == pytest.approx(force_mae(kept, tiny.labelled(validation, kept)), rel=1e-5)
    (_, last) = json.loads((tmp_path / "curve.json").read_text())["validation"][-1]
    assert abs(found / last - 1) > 1e-3
