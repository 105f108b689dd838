"""Speed of the training loop around the update itself."""

import time
from dataclasses import replace

import numpy as np
import torch

from tlbench.data.frames import Frames
from tlbench.kernels.derivatives import scoped
from tlbench.models.potential import build_potential
from tlbench.training.config import TrainingConfig
from tlbench.training.labels import LabelledSet
from tlbench.training.loop import train
from tlbench.transfer.scratch import SCRATCH

UPDATES = 100


def test_overhead_of_the_loop(note, thermal_silicon, tmp_path):
    frames = Frames.unlabelled(thermal_silicon(50))
    frames = replace(
        frames,
        energy=np.zeros(len(frames)),
        forces=np.zeros_like(frames.positions),
        stress=np.zeros_like(frames.cell),
    )
    potential = build_potential("schnet", {"cutoff": 4.3})
    parameters = list(potential.backbone.parameters())
    data = LabelledSet(frames, 4.3, "cpu", torch.float32)
    one = LabelledSet(frames.select(np.arange(1)), 4.3, "cpu", torch.float32)
    config = TrainingConfig(updates=UPDATES, validation_points=0)
    optimiser = torch.optim.Adam(parameters, lr=1e-6, fused=True)
    batch = data.batch(torch.arange(5))

    def step():
        with scoped() as scope:
            loss = (potential(batch.graph, training=True).forces - batch.forces).square().mean()
        optimiser.zero_grad()
        with scope.backward_for("parameters"):
            torch.autograd.backward(loss, inputs=parameters)
        optimiser.step()

    def loop_seconds():
        ends = []
        train(
            potential,
            SCRATCH,
            data,
            one,
            config,
            0,
            tmp_path,
            on_update=lambda done, total, loss: ends.append(time.perf_counter()),
        )
        # The first update also makes what the optimiser keeps.
        return (ends[-1] - ends[0]) / (UPDATES - 1)

    def bare_seconds():
        start = time.perf_counter()
        for _ in range(UPDATES):
            step()
        return (time.perf_counter() - start) / UPDATES

    step()
    ratios = [loop_seconds() / bare_seconds() for _ in range(5)]
    overhead = 100 * (sorted(ratios)[2] - 1)
    note("training loop beyond its updates (schnet, the fastest backbone)", overhead, "%", 2.0)
    assert overhead < 15
