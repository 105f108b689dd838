"""Small networks trained on germanium as a strategy says, and what has moved in them."""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
import tiny
import torch
from torch import Tensor

from tlbench.data.frames import Frames
from tlbench.models.potential import Potential
from tlbench.training.checkpoint import Curve
from tlbench.training.config import TrainingConfig
from tlbench.training.loop import train
from tlbench.transfer import arm

SI = 14

EVERY = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            find_spec(tiny.PACKAGES.get(name, "torch")) is None, reason="its package is missing"
        ),
    )
    for name in [*tiny.BACKBONES, *tiny.OTHERS]
]
"""All backbones that can be installed side by side."""

every_backbone = pytest.mark.parametrize("backbone", EVERY)


def weights(potential: Potential) -> dict[str, Tensor]:
    """Return a copy of the parameters of the backbone."""
    return {n: p.detach().clone() for n, p in potential.backbone.named_parameters()}


def moved(potential: Potential, before: dict[str, Tensor]) -> set[str]:
    """Return the names of the parameters that are not what they were before."""
    found = potential.backbone.named_parameters()
    return {n for n, p in found if not torch.equal(p, before[n])}


def run(potential: Potential, name: str, folder: Path, updates: int = 2, **changes) -> Curve:
    """Train on germanium as a strategy says, from a potential that knows silicon."""
    strategy = replace(arm(name), **changes)
    frames, replayed = tiny.crystals("Ge", 4), None
    if strategy.needs_source:
        potential.reference_energy[SI] = -4.0
    if strategy.replay is not None:
        replayed = strategy.replay(potential, frames, 0)
    elif strategy.needs_source_data:
        replayed = tiny.crystals("Si", 4)
    folder.mkdir(exist_ok=True)
    data, both = tiny.labelled(frames, potential), None
    if replayed is not None:
        both = tiny.labelled(Frames.concatenate([frames, replayed]), potential)
    config = TrainingConfig(updates=updates, validation_points=0)
    return train(potential, strategy, data, data, config, 0, folder, with_source=both)
