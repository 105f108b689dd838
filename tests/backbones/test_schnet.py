"""SchNet against its contract and torch-geometric's implementation."""

from collections.abc import Iterator

import pytest
import torch
from ase.build import molecule
from torch import Tensor
from torch_geometric.nn.models.schnet import SchNet as PeerSchNet

from tlbench.backbones.schnet.config import SchNetConfig
from tlbench.data.frames import Frames
from tlbench.graphs import graph_of
from tlbench.testing import BackboneContract
from tlbench.testing.prediction import random_potential

CUTOFF = 3.0


class TestSchNet(BackboneContract):
    config = SchNetConfig()


@pytest.fixture
def double_precision() -> Iterator[None]:
    """Make torch-geometric compute its constants in double precision."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("double_precision")
def test_agrees_with_torch_geometric() -> None:
    def interaction_graph(positions: Tensor, batch: Tensor) -> tuple[Tensor, Tensor]:
        distance = (positions.unsqueeze(0) - positions.unsqueeze(1)).square().sum(dim=2)
        edges = ((distance > 0) & (distance <= CUTOFF**2)).nonzero().t()
        return edges, distance[edges[0], edges[1]].sqrt()

    config = SchNetConfig(cutoff=CUTOFF)
    potential = random_potential(config, torch.float64)
    peer = PeerSchNet(
        hidden_channels=config.hidden_channels,
        num_filters=config.n_filters,
        num_interactions=config.n_interactions,
        num_gaussians=config.n_gaussians,
        cutoff=CUTOFF,
        interaction_graph=interaction_graph,
    )
    weights = potential.backbone.state_dict()
    weights["embedding.weight"] = weights["embedding.weight"][: peer.embedding.num_embeddings]
    peer.load_state_dict(weights)

    atoms = molecule("CH3CH2OH")
    positions = torch.as_tensor(atoms.positions).requires_grad_(True)
    energy = peer(torch.as_tensor(atoms.numbers), positions).sum()
    (gradient,) = torch.autograd.grad(energy, positions)
    graph = graph_of(Frames.unlabelled([atoms]), CUTOFF)
    assert 0 < graph.edge_index.shape[1] < len(atoms) * (len(atoms) - 1)
    scale = float(gradient.abs().max())
    assert scale > 1e-3
    torch.testing.assert_close(potential.backbone(graph).sum(), energy, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(potential(graph).forces, -gradient, rtol=0, atol=1e-12 * scale)
