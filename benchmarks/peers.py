"""The peers of the speed tests: torch-geometric's layers, run eagerly, as one would write them."""

import torch
from layered_schnet import LayeredSchNet
from torch import Tensor
from torch_geometric.nn.models.dimenet import SphericalBasisLayer
from triplets import TripletDimeNetPP

from tlbench.models.backbones.dimenetpp import DimeNetPPConfig


class PeerDimeNetPP(TripletDimeNetPP):
    """torch-geometric's DimeNet++ layers, its basis included, on periodic triplets."""

    def __init__(self, config: DimeNetPPConfig) -> None:
        super().__init__(config)
        exponent = config.envelope_exponent - 1
        self.peer_sbf = SphericalBasisLayer(
            config.n_spherical, config.n_radial, config.cutoff, exponent
        )

    def triplet_basis(
        self, vectors: Tensor, distance: Tensor, edge_ji: Tensor, edge_kj: Tensor
    ) -> Tensor:
        """Return the basis of every triplet, shape (n_triplets, l · n)."""
        first, second = vectors[edge_ji], vectors[edge_kj]
        across = torch.linalg.cross(first, second).norm(dim=1)
        angle = torch.atan2(across, (first * second).sum(dim=1))
        basis: Tensor = self.peer_sbf(distance, angle, edge_kj)
        return basis


class PeerSchNet(LayeredSchNet):
    """torch-geometric's SchNet layers on periodic edges."""


PEERS = {"dimenetpp": PeerDimeNetPP, "schnet": PeerSchNet}
