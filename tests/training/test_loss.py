"""The loss is the weighted sum of the mean squares that its weights name."""

from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch
from pydantic import ValidationError

from tlbench.base.errors import InputError
from tlbench.models.potential import Prediction
from tlbench.training.config import LossWeights
from tlbench.training.labels import Batch
from tlbench.training.loss import check_labels, loss_of


@pytest.fixture
def found() -> Prediction:
    return Prediction(
        energy=torch.tensor([-10.0, -20.0], dtype=torch.float64),
        forces=torch.tensor([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, -3.0]]),
        stress=torch.diag_embed(torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]])),
    )


@pytest.fixture
def batch() -> Batch:
    return Batch(
        graph=None,  # the loss does not look at it
        energy=torch.tensor([-10.5, -22.0], dtype=torch.float64),
        forces=torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
        stress=torch.diag_embed(torch.tensor([[1.0, 2.0, 0.0], [0.0, 0.0, 3.0]])),
        n_atoms=torch.tensor([1, 2]),
    )


FORCES = (1.0**2 + 4.0**2) / 9
ENERGY = (0.5**2 + (2.0 / 2) ** 2) / 2
STRESS = (3.0**2 + 3.0**2) / 18


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ({}, FORCES),
        ({"forces": 2.0}, 2 * FORCES),
        ({"forces": 0.0, "energy": 1.0}, ENERGY),
        ({"forces": 0.0, "stress": 1.0}, STRESS),
        ({"forces": 0.5, "energy": 3.0, "stress": 0.1}, FORCES / 2 + 3 * ENERGY + 0.1 * STRESS),
    ],
    ids=["default", "forces", "energy", "stress", "all"],
)
def test_values_by_hand(found, batch, weights, expected):
    assert float(loss_of(found, batch, LossWeights(**weights))) == pytest.approx(expected)


def test_what_has_no_weight_may_be_missing(found, batch):
    nothing = replace(batch, energy=batch.energy * torch.nan, stress=batch.stress * torch.nan)
    assert float(loss_of(found, nothing, LossWeights())) == pytest.approx(FORCES)


def test_the_loss_has_the_precision_of_the_forces(found, batch):
    assert loss_of(found, batch, LossWeights(energy=1.0)).dtype == torch.float32


def test_some_weight_should_be_positive():
    with pytest.raises(ValidationError, match="at least one loss weight"):
        LossWeights(forces=0.0)


@pytest.mark.parametrize("part", ["energy", "forces", "stress"])
def test_a_negative_weight_is_refused(part):
    with pytest.raises(ValidationError, match=part):
        LossWeights(**{part: -1.0})


@pytest.mark.parametrize("part", ["energy", "forces", "stress"])
def test_a_missing_label_is_refused_where_it_has_weight(part):
    frames = tiny.crystals("Si", 3)
    values = getattr(frames, part).copy()
    values[1] = np.nan
    data = tiny.labelled(replace(frames, **{part: values}), tiny.potential())
    others = {name: float(name != part) for name in ("energy", "forces", "stress")}

    check_labels(data, LossWeights(**others))
    with pytest.raises(InputError, match=f"have no {part}; set its weight to 0"):
        check_labels(data, LossWeights(**others | {part: 1e-6}))
