"""Speed of every registered backbone: a force call and a training update of 5 × 64 atoms."""

import pytest
import torch

from tlbench.backbones import BACKBONES
from tlbench.data.frames import Frames
from tlbench.graphs import graph_of
from tlbench.potential import build_potential

CUTOFF = 4.3
BATCH = 5


@pytest.fixture(scope="module")
def graph(thermal_silicon):
    return graph_of(Frames.unlabelled(thermal_silicon(BATCH)), CUTOFF, dtype=torch.float32)


@pytest.mark.benchmark(group="force call: 5 x 64 atoms, 4.3 A")
@pytest.mark.parametrize("name", BACKBONES.names())
def test_force_call(benchmark, graph, name):
    potential = build_potential(name, {"cutoff": CUTOFF})
    forces = benchmark(potential, graph).forces
    assert forces.shape == (BATCH * 64, 3)


@pytest.mark.benchmark(group="training update: 5 x 64 atoms, 4.3 A")
@pytest.mark.parametrize("name", BACKBONES.names())
def test_training_update(benchmark, graph, name):
    potential = build_potential(name, {"cutoff": CUTOFF})
    parameters = list(potential.backbone.parameters())
    optimiser = torch.optim.Adam(parameters, lr=1e-4, fused=True)
    labels = torch.zeros_like(graph.positions)

    def update():
        loss = (potential(graph, training=True).forces - labels).square().mean()
        optimiser.zero_grad()
        torch.autograd.backward(loss, inputs=parameters)
        optimiser.step()
        return float(loss.detach())

    assert benchmark(update) >= 0
