"""Training follows the gradient of the loss, changes what it may, and says when it fails."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch
from torch.nn import Parameter

from tlbench.errors import InputError
from tlbench.potential import Potential
from tlbench.training import loop
from tlbench.training.checkpoint import Curve
from tlbench.training.config import LossWeights, TrainingConfig
from tlbench.training.labels import LabelledSet
from tlbench.training.loop import DivergedError, force_mae, train
from tlbench.training.loss import loss_of
from tlbench.training.schedule import BatchOrder

every_backbone = pytest.mark.parametrize("backbone", tiny.BACKBONES)


def run(
    potential: Potential,
    data: LabelledSet,
    folder: Path,
    parameters: list[Parameter] | None = None,
    validation: LabelledSet | None = None,
    order_seed: int = 0,
    **config: Any,
) -> Curve:
    if parameters is None:
        parameters = list(potential.backbone.parameters())
    if validation is None:
        validation = tiny.labelled(data.frames.select([]), potential)
    return train(
        potential, parameters, data, validation, TrainingConfig(**config), order_seed, folder
    )


def weights_of(potential: Potential) -> dict[str, torch.Tensor]:
    return {n: p.detach().clone() for n, p in potential.backbone.named_parameters()}


def predicted_energy(potential: Potential, data: LabelledSet) -> np.ndarray:
    batch = data.batch(torch.arange(len(data)))
    return potential(batch.graph).energy.numpy()


@every_backbone
def test_training_learns_silicon(backbone, tmp_path):
    potential = tiny.potential(backbone)
    data = tiny.labelled(tiny.crystals("Si", 12), potential)
    unseen = tiny.labelled(tiny.crystals("Si", 9, seed=1), potential)
    before = force_mae(potential, unseen)

    curve = run(potential, data, tmp_path, updates=120, batch_size=4, learning_rate=0.02)

    assert len(curve.loss) == 120
    assert np.mean(curve.loss[-12:]) < 0.05 * np.mean(curve.loss[:3])
    assert force_mae(potential, unseen) < 0.4 * before


@every_backbone
@pytest.mark.parametrize(
    "weights",
    [
        {"forces": 1.0},
        {"forces": 0.0, "energy": 1.0},
        {"forces": 0.0, "stress": 1e-3},
        {"forces": 1.0, "energy": 0.5, "stress": 1e-3},
    ],
    ids=["forces", "energy", "stress", "all"],
)
def test_an_update_follows_the_gradient_of_the_loss(backbone, weights, tmp_path):
    """The first step of Adam is −η g/(|g| + 1e-8), with g by finite differences."""
    potential = tiny.potential(backbone, dtype=torch.float64)
    data = tiny.labelled(tiny.crystals("Si", 2), potential)
    batch = data.batch(torch.arange(2))
    loss_weights = LossWeights(**weights)
    # The constant that training with an energy loss starts from.
    potential.reference_energy[14] = float((data.frames.energy / 8).mean())

    def loss() -> float:
        stress = loss_weights.stress > 0
        return float(loss_of(potential(batch.graph, stress=stress), batch, loss_weights))

    generator = torch.Generator().manual_seed(0)
    chosen: list[tuple[str, int, float]] = []
    step = 1e-5
    for name, parameter in potential.backbone.named_parameters():
        values = parameter.data.view(-1)
        rows = torch.randperm(len(values), generator=generator)[:4].tolist()
        if name in potential.backbone.element_parameters():
            rows += [14 * parameter.shape[1], 14 * parameter.shape[1] + 1]
        for index in rows:
            kept = float(values[index])
            ends = []
            for value in (kept + step, kept - step):
                values[index] = value
                ends.append(loss())
            values[index] = kept
            chosen.append((name, index, (ends[0] - ends[1]) / (2 * step)))
    largest = max(abs(gradient) for _, _, gradient in chosen)
    before = weights_of(potential)
    rate = 1e-4

    curve = run(
        potential, data, tmp_path, updates=1, batch_size=2, learning_rate=rate, loss=weights
    )

    assert curve.loss[0] == pytest.approx(loss_after(potential, before, loss), rel=1e-9)
    after = weights_of(potential)
    checked = 0
    for name, index, gradient in chosen:
        moved = float((after[name] - before[name]).view(-1)[index])
        if abs(gradient) > 1e-6 * largest:
            assert moved == pytest.approx(-rate * np.sign(gradient), rel=0.05), name
            checked += 1
    assert checked > len(chosen) / 3


