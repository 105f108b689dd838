"""SchNet on periodic graphs, with torch-geometric's layers as holders of its parameters."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.functional import embedding_bag
from torch_geometric.nn.models.schnet import GaussianSmearing, InteractionBlock, ShiftedSoftplus

from tlbench.graphs import Graph
from tlbench.kernels.library import library_for
from tlbench.models.backbones.activation import shifted_softplus
from tlbench.models.backbones.base import EMBEDDING, HEAD, MAX_ATOMIC_NUMBER, Backbone
from tlbench.models.backbones.packages import remove_templates
from tlbench.models.backbones.schnet import SchNetConfig
from tlbench.models.backbones.schnet.convolution import Edges, interpolated_sum
from tlbench.models.backbones.schnet.filters import FilterBasis, Weights, with_slopes
from tlbench.models.backbones.schnet.interpolation import Grid, smooth, table_of

Convolution: TypeAlias = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Pairs:
    """The edges of a graph, each together with its reverse.

    A pair sends two messages. Of the 2 n_pairs = n_edges messages, those along the edges
    ``edge`` come first, and then those along their reverses.

    ==========  =====================  ========================================================
    attribute   shape                  meaning
    ==========  =====================  ========================================================
    edge        (n_pairs,)             the edge that stands for the pair
    receivers   (n_edges,)             centre that a message goes to
    senders     (n_edges,)             neighbour that it comes from
    place       (n_edges,)             message along each edge of the graph
    first       (n_atoms,)             first edge of each atom
    workspace   (2, n_edges, n)        overwritten by every call, so that it stays in the cache
    ==========  =====================  ========================================================
    """

    edge: Tensor
    receivers: Tensor
    senders: Tensor
    place: Tensor
    first: Tensor
    workspace: Tensor

    def distances(self, graph: Graph) -> Tensor:
        """Return the distance of every pair, shape (n_pairs,), Å."""
        shift = graph.edge_shift.index_select(0, self.edge)
        # The receiver along the reverse of an edge is the edge's neighbour.
        centre, neighbour = graph.positions.index_select(0, self.receivers).chunk(2)
        found: Tensor = (neighbour + shift - centre).norm(dim=1)
        return found


def pairs_of(graph: Graph, n_filters: int) -> Pairs:
    """Return the pairs of a graph, for convolutions with ``n_filters`` filters."""
    reverse = graph.reverse_edge
    n_edges = reverse.shape[0]
    edges = torch.arange(n_edges, device=reverse.device)
    # No edge is its own reverse, so the number of pairs is known without asking the device.
    edge = torch.nonzero_static(edges < reverse, size=n_edges // 2).squeeze(1)
    both = torch.cat([edge, reverse[edge]])
    place = torch.empty_like(reverse)
    place[both] = edges
    receivers, senders = graph.edge_index.index_select(1, both)
    atoms = torch.arange(graph.n_atoms, device=reverse.device)
    return Pairs(
        edge,
        receivers,
        senders,
        place,
        torch.searchsorted(graph.edge_index[0].contiguous(), atoms),
        graph.positions.new_empty((2, n_edges, n_filters)),
    )


def convolve(features: Tensor, filters: Tensor, pairs: Pairs) -> Tensor:
    """Return Σ_j x_j ∘ W_ij of every atom i.

    Parameters
    ----------
    features
        x, shape (n_atoms, n_filters).
    filters
        W, shape (n_pairs, n_filters).
    """
    found: Tensor = _Convolution.apply(features, filters, pairs)
    return found


class _Convolution(Function):
    """Since W_ij = W_ji, the adjoint by x is a convolution too."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, filters: Tensor, pairs: Pairs) -> Tensor:
        ctx.save_for_backward(x, filters)
        ctx.pairs = pairs
        if filters.shape[0] == 0:
            return torch.zeros_like(x)
        messages, _ = pairs.workspace
        torch.index_select(x, 0, pairs.senders, out=messages)
        messages.view(2, *filters.shape).mul_(filters)
        return embedding_bag(pairs.place, messages, pairs.first, mode="sum")

    @staticmethod
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor, Tensor, None]:
        x, filters = ctx.saved_tensors
        return convolve(given, filters, ctx.pairs), _Products.apply(given, x, ctx.pairs), None


class _Products(Function):
    """a_i ∘ b_j + a_j ∘ b_i of every pair."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, pairs: Pairs) -> Tensor:
        ctx.save_for_backward(a, b)
        ctx.pairs = pairs
        received, sent = pairs.workspace
        torch.index_select(a, 0, pairs.receivers, out=received)
        torch.index_select(b, 0, pairs.senders, out=sent)
        (a_i, a_j), (b_j, b_i) = received.chunk(2), sent.chunk(2)
        found: Tensor = a_i * b_j
        return found.addcmul_(a_j, b_i)

    @staticmethod
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor, Tensor, None]:
        a, b = ctx.saved_tensors
        return convolve(b, given, ctx.pairs), convolve(a, given, ctx.pairs), None


class SchNet(Backbone):
    """SchNet (Schütt et al., J. Chem. Phys. 148, 241722 (2018)) on periodic graphs.

    Filters are cut off by (cos(πd/r_c) + 1)/2, so energies and forces are continuous at the
    cutoff. The filters, which would be most of the work, are functions of a distance alone: they
    are interpolated between distances where they are computed with their derivatives, or, where
    that would be less exact than single precision or there are no compiled kernels, computed once
    per pair of atoms.
    """

    def __init__(self, config: SchNetConfig) -> None:
        super().__init__(config)
        hidden = config.hidden_channels
        self._n_filters = config.n_filters
        self.embedding = nn.Embedding(MAX_ATOMIC_NUMBER + 1, hidden)
        self.distance_expansion = GaussianSmearing(0.0, config.cutoff, config.n_gaussians)
        self.interactions = nn.ModuleList(
            InteractionBlock(hidden, config.n_gaussians, config.n_filters, config.cutoff)
            for _ in range(config.n_interactions)
        )
        self.lin1 = nn.Linear(hidden, hidden // 2)
        self.act = ShiftedSoftplus()
        self.lin2 = nn.Linear(hidden // 2, 1)
        for layer in (self.lin1, self.lin2):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        remove_templates(self)

    def forward(self, graph: Graph) -> Tensor:
        """Return the energy of every atom, shape (n_atoms,), eV."""
        convolutions = self._interpolated(graph) or self._exact(graph)
        features = self.embedding(graph.atomic_numbers)
        block: Any
        for block, convolution in zip(self.interactions, convolutions, strict=True):
            message = convolution(block.conv.lin1(features))
            features = features + block.lin(shifted_softplus(block.conv.lin2(message)))
        energy: Tensor = self.lin2(shifted_softplus(self.lin1(features)))
        return energy.squeeze(1)

    def _interpolated(self, graph: Graph) -> list[Convolution] | None:
        """Return the convolutions by compiled kernels, if these can be used and are exact."""
        if library_for(self.lin1.weight, self._n_filters, alongside=[graph.positions]) is None:
            return None
        grid, tables = self._tables()
        if not smooth(tables, grid):
            return None
        centre, neighbour = graph.edge_index
        vectors = graph.positions.index_select(0, neighbour) + graph.edge_shift
        vectors = vectors - graph.positions.index_select(0, centre)
        distance = vectors.norm(dim=1).clamp(max=self.cutoff)
        atoms = torch.arange(graph.n_atoms + 1, device=centre.device)
        first = torch.searchsorted(centre.contiguous(), atoms)
        edges = Edges.of(first, neighbour.contiguous(), distance, grid)
        return [
            partial(interpolated_sum, distance=distance, table=table, edges=edges)
            for table in tables
        ]

    def _tables(self) -> tuple[Grid, list[Tensor]]:
        """Return the distances between which filters are interpolated, and the filters there."""
        gaussians = self.distance_expansion
        grid = Grid.of(self.cutoff, gaussians.offset.numel(), self.lin1.weight.dtype)
        basis = grid.basis(gaussians.offset, gaussians.coeff)
        return grid, [table_of(weights, basis) for weights in self._networks()]

    def _exact(self, graph: Graph) -> list[Convolution]:
        """Return the convolutions whose filters are computed pair by pair."""
        pairs = pairs_of(graph, self._n_filters)
        # The cosine rises again beyond the cutoff; there it is held at zero.
        distance = pairs.distances(graph).clamp(max=self.cutoff)
        basis = self._basis(distance.detach())
        filters = (self._filters(weights, basis, distance) for weights in self._networks())
        return [partial(convolve, filters=each, pairs=pairs) for each in filters]

    def _networks(self) -> list[Weights]:
        """Return weights and biases of every interaction's filter network."""
        blocks: Any = self.interactions
        return [list(block.mlp.parameters()) for block in blocks]

    def _basis(self, distance: Tensor) -> FilterBasis:
        gaussians = self.distance_expansion
        return FilterBasis.at(distance, gaussians.offset, gaussians.coeff, self.cutoff)

    def _filters(self, weights: Weights, basis: FilterBasis, distance: Tensor) -> Tensor:
        if not distance.requires_grad:
            return basis.filters(weights)

        def slopes_at(distance: Tensor) -> Tensor:
            return self._basis(distance).slopes(weights)

        return with_slopes(distance, *basis.filters_and_slopes(weights), slopes_at)

    @property
    def same_in_batches(self) -> bool:
        """Whether the compiled kernels are used, which go from atom to atom.

        Torch's products with the other weights are the same for any number of rows only in
        float32, and for widths that are multiples of a vector's.
        """
        like, hidden = self.lin1.weight, self.lin1.in_features
        if like.dtype != torch.float32 or library_for(like, self._n_filters, hidden) is None:
            return False
        with torch.no_grad():
            grid, tables = self._tables()
            return smooth(tables, grid)

    def element_parameters(self) -> dict[str, int]:
        """Return the embedding table's name and element axis."""
        return {"embedding.weight": 0}

    def stages(self) -> dict[str, tuple[str, ...]]:
        """Return embedding, interactions and head by the beginnings of their parameters' names."""
        interactions = {
            f"interaction {n}": (f"interactions.{n}.",) for n in range(len(self.interactions))
        }
        return {EMBEDDING: ("embedding.",), **interactions, HEAD: ("lin1.", "lin2.")}
