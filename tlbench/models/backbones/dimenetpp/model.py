"""DimeNet++ on periodic graphs, at a cost that is linear in the number of edges."""

import math
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from torch_geometric.nn.models.dimenet import (
    BesselBasisLayer,
    InteractionPPBlock,
    OutputPPBlock,
    ResidualLayer,
)

from tlbench.graphs import Graph
from tlbench.kernels.library import library_for
from tlbench.models.backbones.activation import silu
from tlbench.models.backbones.base import EMBEDDING, HEAD, MAX_ATOMIC_NUMBER, Backbone
from tlbench.models.backbones.dense import BESIDE, Filter, Layer, dense
from tlbench.models.backbones.dense_torch import Shape, network
from tlbench.models.backbones.dimenetpp import DimeNetPPConfig
from tlbench.models.backbones.dimenetpp.angular import (
    Neighbourhoods,
    angular_sum,
    neighbourhoods_of,
    spread_harmonics,
)
from tlbench.models.backbones.dimenetpp.harmonics import SphericalHarmonics
from tlbench.models.backbones.dimenetpp.radial import RadialFunctions
from tlbench.models.backbones.filtering import filtered_sum


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

    def forward(self, atomic_numbers: Tensor, rbf: Tensor, edge_index: Tensor) -> Tensor:
        """Return the messages, shape (n_edges, hidden_channels)."""
        types = self.emb(atomic_numbers)
        widths = [types.shape[1], types.shape[1], self.lin.out_features]
        of_i, of_j, of_length = torch.split(self.lin.weight, widths, dim=1)
        # What depends on one atom is computed per atom, not per edge.
        i, j = edge_index
        atoms = linear(types, of_i, self.lin.bias).index_select(0, i)
        atoms = atoms + linear(types, of_j).index_select(0, j)
        return silu(atoms + linear(silu(self.lin_rbf(rbf)), of_length))


class DimeNetPP(Backbone):
    """DimeNet++ (Gasteiger et al., arXiv 2011.14115) on periodic graphs.

    A message lives on a directed edge j → i; it is updated from the messages k → j, weighted
    by a basis in the distance k–j and the angle between the two edges. As in torch-geometric,
    the angle is the one between the directions k → j and j → i.

    The parameters are those of torch-geometric's layers. The sum over k is taken at atom j in
    spherical harmonics (``angular.py``) instead of over triplets of atoms.
    """

    def __init__(self, config: DimeNetPPConfig) -> None:
        super().__init__(config)
        self.n_spherical, self.n_radial = config.n_spherical, config.n_radial
        self._widths = config.hidden_channels, config.interaction_channels, config.out_channels
        # The paper's p is one more than the exponent that torch-geometric takes.
        exponent = config.envelope_exponent
        self.rbf = BesselBasisLayer(config.n_radial, config.cutoff, exponent - 1)
        self.radial = RadialFunctions(config.n_spherical, config.n_radial, config.cutoff, exponent)
        self.harmonics = SphericalHarmonics(config.n_spherical)
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
        # Edges beyond the cutoff have no weight, and so need no direction.
        inverse = torch.where(distance < self.cutoff, distance.reciprocal(), 0.0)
        harmonics = self.harmonics(vectors, inverse)
        radial, envelope = self.radial(distance)
        scaled = distance.unsqueeze(1) / self.cutoff
        rbf = envelope * (self.rbf.freq * scaled).sin()
        edges = neighbourhoods_of(graph)
        spread = cache(partial(spread_harmonics, harmonics, edges))

        message = self.emb(graph.atomic_numbers, rbf, graph.edge_index)
        messages = [message]
        for block in self.interaction_blocks:
            message = self._interact(block, message, rbf, radial, harmonics, edges, spread)
            messages.append(message)
        return self._output(messages, rbf, edges)

    def _interact(
        self,
        block: Any,
        message: Tensor,
        rbf: Tensor,
        radial: Tensor,
        harmonics: Tensor,
        edges: Neighbourhoods,
        spread: Callable[[], Tensor],
    ) -> Tensor:
        """Return the messages after an interaction block."""
        # Two linear maps without anything between them are one.
        filters = block.lin_rbf2.weight @ block.lin_rbf1.weight
        basis = block.lin_sbf2.weight @ block.lin_sbf1.weight
        basis = basis.view(-1, self.n_spherical, self.n_radial).permute(1, 2, 0)
        layers = [
            Layer(block.lin_kj.weight, block.lin_kj.bias, 0),
            Layer(block.lin_down.weight, None, 1),
        ]
        x_kj = dense(layers, message, filter=Filter(0, rbf, filters))
        x_kj = angular_sum(x_kj, radial, basis, harmonics, edges, spread)
        layers = [
            Layer(block.lin_ji.weight, block.lin_ji.bias, BESIDE),
            Layer(block.lin_up.weight, None, 0, skip=1),
        ]
        for residual in block.layers_before_skip:
            layers += _residual(residual, len(layers))
        layers.append(Layer(block.lin.weight, block.lin.bias, len(layers), skip=BESIDE))
        for residual in block.layers_after_skip:
            layers += _residual(residual, len(layers))
        return dense(layers, x_kj, message)

    def _output(self, messages: list[Tensor], rbf: Tensor, edges: Neighbourhoods) -> Tensor:
        """Return the sum of what all output blocks make of their messages."""
        blocks: Any = self.output_blocks
        if library_for(rbf) is None:
            return self._output_at_once(messages, rbf, edges)
        energies = []
        for block, message in zip(blocks, messages, strict=True):
            total = filtered_sum(message, rbf, block.lin_rbf.weight, edges.first)
            energies.append(block.lin(dense(_output_layers(block), total)))
        energy: Tensor = torch.cat(energies, dim=1).sum(dim=1)
        return energy

    def _output_at_once(self, messages: list[Tensor], rbf: Tensor, edges: Neighbourhoods) -> Tensor:
        """Do the same with the networks of all blocks side by side, for an accelerator."""
        blocks: Any = self.output_blocks
        filters = torch.cat([block.lin_rbf.weight for block in blocks])
        total = filtered_sum(torch.cat(messages, dim=1), rbf, filters, edges.first)
        total = total.view(edges.n_atoms, len(blocks), -1).transpose(0, 1)
        first, *others = zip(*(block.lins for block in blocks), strict=True)
        up = torch.stack([block.lin_up.weight for block in blocks])
        weights = [torch.stack([layer.weight for layer in layers]) for layers in (first, *others)]
        biases = [torch.stack([layer.bias for layer in layers]) for layers in (first, *others)]
        weights[0] = weights[0] @ up
        shape = Shape(tuple(range(len(weights))), (None,) * len(weights), None)
        biases = [bias.unsqueeze(1) for bias in biases]
        found = network(shape, total, None, None, None, *weights, *biases)
        last = torch.stack([block.lin.weight for block in blocks])
        return (found @ last.mT).sum(dim=0).squeeze(1)

    @property
    def same_in_batches(self) -> bool:
        """Whether the compiled kernels are used, which go from atom to atom.

        Torch's products with the other weights are the same for any number of rows only in
        float32.
        """
        like = self.rbf.freq
        return like.dtype == torch.float32 and library_for(like, *self._widths) is not None

    def element_parameters(self) -> dict[str, int]:
        """Return the embedding table's name and element axis."""
        return {"emb.emb.weight": 0}

    def stages(self) -> dict[str, tuple[str, ...]]:
        """Return embedding, interactions and head by the beginnings of their parameters' names."""
        interactions = {
            f"interaction {n}": (f"interaction_blocks.{n}.",)
            for n in range(len(self.interaction_blocks))
        }
        return {EMBEDDING: ("rbf.", "emb."), **interactions, HEAD: ("output_blocks.",)}


def _output_layers(block: Any) -> list[Layer]:
    """Return the layers of an output block, of which the last has an activation, too."""
    first, *others = block.lins
    layers = [Layer(first.weight @ block.lin_up.weight, first.bias, 0)]
    return layers + [Layer(x.weight, x.bias, n + 1) for n, x in enumerate(others)]


def _residual(residual: ResidualLayer, value: int) -> list[Layer]:
    """Return the two layers that take a value and are added to it."""
    first, second = residual.lin1, residual.lin2
    return [
        Layer(first.weight, first.bias, value),
        Layer(second.weight, second.bias, value + 1, skip=value),
    ]
