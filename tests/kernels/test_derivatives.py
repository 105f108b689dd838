"""What a backward pass is for is known in whatever thread it runs."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import tiny
import torch

from tlbench.models.backbones import dense, filtering
from tlbench.models.backbones.dimenetpp import angular
from tlbench.models.backbones.schnet import convolution
from tlbench.models.backbones.schnet.filters import FilterBasis
from tlbench.training.config import TrainingConfig
from tlbench.training.loop import train
from tlbench.transfer.scratch import SCRATCH


def elsewhere(function: Callable[..., Any]) -> Callable[..., Any]:
    """Run a backward pass as torch does on an accelerator: in a thread of its own."""

    def run(*arguments: Any, **options: Any) -> Any:
        with ThreadPoolExecutor(1) as threads:
            return threads.submit(function, *arguments, **options).result()

    return run


def refuse(*arguments: Any, **options: Any) -> Any:
    raise AssertionError("derivatives of every order are computed, which nobody asked for")


@pytest.mark.parametrize(
    ("backbone", "config"),
    [
        ("dimenetpp", {"interaction_channels": 16, "hidden_channels": 16, "out_channels": 16}),
        ("schnet", {"n_filters": 16, "n_gaussians": 20}),
        ("schnet", {}),  # too narrow for the kernels
    ],
)
def test_backward_in_a_thread_computes_what_is_asked_for_alone(
    backbone, config, tmp_path, monkeypatch
):
    monkeypatch.setitem(tiny.BACKBONES, backbone, tiny.BACKBONES[backbone] | config)
    ends = []
    for threaded in (False, True):
        potential = tiny.potential(backbone)
        data = tiny.labelled(tiny.crystals("Si", 2), potential)
        if threaded:
            for name in ("grad", "backward"):
                monkeypatch.setattr(torch.autograd, name, elsewhere(getattr(torch.autograd, name)))
            for module in (dense, filtering, angular, convolution):
                monkeypatch.setattr(module, "differentiate", refuse)
            monkeypatch.setattr(FilterBasis, "slopes", refuse)
        settings = TrainingConfig(updates=2, validation_points=0)
        train(potential, SCRATCH, data, data, settings, 0, tmp_path)
        ends.append(torch.nn.utils.parameters_to_vector(potential.parameters()))
    assert torch.equal(*ends)
