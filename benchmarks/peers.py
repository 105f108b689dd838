"""The peers of the speed tests: torch-geometric's layers, run eagerly, as one would write them."""

import torch
from torch import Tensor
from torch.nn.functional import silu
from torch_geometric.nn.models.dimenet import SphericalBasisLayer

from tlbench.backbones.dimenetpp.config import DimeNetPPConfig
from tlbench.backbones.dimenetpp.triplets import TripletDimeNetPP, triplets
from tlbench.backbones.schnet.layers import LayeredSchNet
from tlbench.graphs import Graph


class PeerDimeNetPP(TripletDimeNetPP):
    """torch-geometric's DimeNet++ layers, its basis included, on periodic triplets."""

    def __init__(self, config: DimeNetPPConfig) -> None:
        super().__init__(config)
        exponent = config.envelope_exponent - 1
        self.peer_sbf = SphericalBasisLayer(
            config.n_spherical, config.n_radial, config.cutoff, exponent
        )

    def forward(self, graph: Graph) -> Tensor:
        """Return the energy of every atom, shape (n_atoms,), eV."""
        vectors = graph.edge_vectors()
        distance = vectors.norm(dim=1)
        i, j = graph.edge_index
        edge_ji, edge_kj = triplets(graph.edge_index, graph.edge_shift, graph.n_atoms)
        first, second = vectors[edge_ji], vectors[edge_kj]
        across = torch.linalg.cross(first, second).norm(dim=1)
        angle = torch.atan2(across, (first * second).sum(dim=1))
        rbf = self.rbf(distance)
        sbf = self.peer_sbf(distance, angle, edge_kj)
        types = self.emb.emb(graph.atomic_numbers)
        length = silu(self.emb.lin_rbf(rbf))
        message = silu(self.emb.lin(torch.cat([types[i], types[j], length], dim=1)))
        energy: Tensor = self.output_blocks[0](message, rbf, i, num_nodes=graph.n_atoms)
        for interact, output in zip(self.interaction_blocks, self.output_blocks[1:], strict=True):
            message = interact(message, rbf, sbf, edge_kj, edge_ji)
            energy = energy + output(message, rbf, i, num_nodes=graph.n_atoms)
        return energy.squeeze(1)


class PeerSchNet(LayeredSchNet):
    """torch-geometric's SchNet layers on periodic edges."""


PEERS = {"dimenetpp": PeerDimeNetPP, "schnet": PeerSchNet}
