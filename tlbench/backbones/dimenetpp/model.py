"""DimeNet++ on periodic graphs, from torch-geometric's layers."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import silu
from torch_geometric.nn.models.dimenet import (
    BesselBasisLayer,
    Envelope,
    InteractionPPBlock,
    OutputPPBlock,
)

from tlbench.backbones.base import MAX_ATOMIC_NUMBER, Backbone
from tlbench.backbones.dimenetpp.basis import SphericalBasis, triplets
from tlbench.backbones.dimenetpp.config import DimeNetPPConfig
from tlbench.graphs import Graph


class EdgeEmbedding(nn.Module):
    """First message of an edge, from its two elements and its length (DimeNet eq. 9).

    As torch-geometric's ``EmbeddingBlock``, but the element's embedding may be narrower than
    the message, as in the study.
    """

    def __init__(self, config: DimeNetPPConfig) -> None:
        super().__init__()
        hidden, types = config.hidden_channels, config.type_channels
        self.emb = nn.Embedding(MAX_ATOMIC_NUMBER + 1, types)
        self.lin_rbf = nn.Linear(config.n_radial, hidden)
        self.lin = nn.Linear(2 * types + hidden, hidden)
        nn.init.uniform_(self.emb.weight, -math.sqrt(3), math.sqrt(3))

    def forward(self, atomic_numbers: Tensor, rbf: Tensor, i: Tensor, j: Tensor) -> Tensor:
        """Return the messages, shape (n_edges, hidden_channels)."""
        types = self.emb(atomic_numbers)
        length = silu(self.lin_rbf(rbf))
        return silu(self.lin(torch.cat([types[i], types[j], length], dim=1)))


class DimeNetPP(Backbone):
    """DimeNet++ (Gasteiger et al., arXiv 2011.14115) on periodic graphs.

    A message lives on a directed edge j → i; it is updated from the messages k → j, weighted
    by a basis in the distance k–j and the angle between the two edges. As in torch-geometric,
    the angle is the one between the directions k → j and j → i.
    """

    def __init__(self, config: DimeNetPPConfig) -> None:
        super().__init__(config)
        # The paper's p is one more than the exponent that torch-geometric takes.
        exponent = config.envelope_exponent - 1
        self.rbf = BesselBasisLayer(config.n_radial, config.cutoff, exponent)
        self.sbf = SphericalBasis(
            config.n_spherical, config.n_radial, config.cutoff, Envelope(exponent)
        )
        self.emb = EdgeEmbedding(config)
        self.interaction_blocks = nn.ModuleList(
            InteractionPPBlock(
                config.hidden_channels,
                config.interaction_channels,
                config.basis_channels,
                config.n_spherical,
                config.n_radial,
                config.n_before_skip,
                config.n_after_skip,
                silu,
            )
            for _ in range(config.n_blocks)
        )
        self.output_blocks = nn.ModuleList(
            OutputPPBlock(
                config.n_radial,
                config.hidden_channels,
                config.out_channels,
                1,
                config.n_output_layers,
                silu,
                "glorot_orthogonal",
            )
            for _ in range(config.n_blocks + 1)
        )

    def forward(self, graph: Graph) -> Tensor:
        """Return the energy of every atom, shape (n_atoms,), eV."""
        vectors = graph.edge_vectors()
        distance = vectors.norm(dim=1)
        i, j = graph.edge_index
        edge_ji, edge_kj = triplets(graph.edge_index, graph.edge_shift, graph.n_atoms)
        direction = vectors / distance.unsqueeze(1)
        # Both edges point away from their centre, so k → j → i turns by the angle between them.
        cosine = (direction[edge_ji] * direction[edge_kj]).sum(dim=1)
        rbf = self.rbf(distance)
        sbf = self.sbf(distance, cosine, edge_kj)

        message = self.emb(graph.atomic_numbers, rbf, i, j)
        energy: Tensor = self.output_blocks[0](message, rbf, i, num_nodes=graph.n_atoms)
        for interact, output in zip(self.interaction_blocks, self.output_blocks[1:], strict=True):
            message = interact(message, rbf, sbf, edge_kj, edge_ji)
            energy = energy + output(message, rbf, i, num_nodes=graph.n_atoms)
        return energy.squeeze(1)

    def element_parameters(self) -> dict[str, int]:
        """Return the embedding table's name and element axis."""
        return {"emb.emb.weight": 0}
