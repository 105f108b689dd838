"""ViSNet from torch-geometric's layers: the contract, also once its biases have been trained."""

import pytest
import torch
from structures import liquid
from torch_geometric.nn.models.visnet import ViSNetBlock

from tlbench.base.errors import InputError
from tlbench.graphs import graph_of
from tlbench.models.backbones.visnet import ViSNetConfig
from tlbench.models.contract.derivatives import smooth_cutoff
from tlbench.models.contract.prediction import random_potential
from tlbench.models.potential import build_potential
from tlbench.testing import BackboneContract


class TestDefault(BackboneContract):
    config = ViSNetConfig(cutoff=4.0)


class TestDegreeTwo(BackboneContract):
    config = ViSNetConfig(cutoff=4.0, hidden_channels=16, n_heads=4, n_layers=2, lmax=2)


def test_it_is_smooth_at_the_cutoff_whatever_its_biases():
    potential = random_potential(ViSNetConfig(cutoff=4.0), torch.float64)
    torch.manual_seed(1)
    for name, weight in potential.backbone.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(weight)
    assert smooth_cutoff(potential) < 1e-3


@pytest.mark.parametrize("lmax", [1, 2])
def test_features_are_those_of_torch_geometrics_network(lmax):
    """Of a molecule in which no atom is its own neighbour, without theirs' loops and biases."""
    torch.manual_seed(0)
    potential = build_potential(
        "visnet", {"cutoff": 4.0, "hidden_channels": 16, "n_heads": 4, "lmax": lmax}, torch.float64
    )
    ours = potential.backbone
    theirs = ViSNetBlock(
        lmax=lmax, num_heads=4, num_layers=3, hidden_channels=16, max_z=119, cutoff=4.0
    ).double()
    theirs.embedding = ours.embedding
    theirs.neighbor_embedding, theirs.edge_embedding = ours.neighbours, ours.edges
    theirs.distance_expansion, theirs.vis_mp_layers = ours.distance_expansion, ours.layers
    theirs.out_norm = torch.nn.Identity()
    frames = liquid(n_atoms=12)
    frames.pbc[:] = False
    graph = graph_of(frames, 4.0)
    centre, neighbour = graph.edge_index
    vectors = graph.edge_vectors()

    def edges(positions, batch):
        return torch.stack([neighbour, centre]), vectors.norm(dim=1), vectors.clone()

    theirs.distance.forward = edges
    expected, expected_vectors = theirs(graph.atomic_numbers, graph.positions, graph.system)
    seen = {}
    ours.norm.register_forward_hook(lambda module, given, found: seen.update(features=given[0]))
    ours.vectors.register_forward_hook(lambda module, given, found: seen.update(vectors=given[0]))
    ours(graph)
    torch.testing.assert_close(seen["features"], expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(seen["vectors"], expected_vectors, rtol=0, atol=1e-12)


def test_heads_that_do_not_divide_the_channels_are_refused():
    with pytest.raises(InputError, match="hidden_channels \\(10\\) should be a multiple"):
        build_potential("visnet", {"hidden_channels": 10})
