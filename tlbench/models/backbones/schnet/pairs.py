"""Convolutions over pairs of atoms, where an edge and its reverse share one filter."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn.functional import embedding_bag

from tlbench.graphs import Graph


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
        centre, neighbour = (
            graph.positions.index_select(0, atoms.chunk(2)[0])
            for atoms in (self.receivers, self.senders)
        )
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
    centre, neighbour = graph.edge_index
    atoms = torch.arange(graph.n_atoms, device=reverse.device)
    return Pairs(
        edge,
        centre[both],
        neighbour[both],
        place,
        torch.searchsorted(centre.contiguous(), atoms),
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
        for half in messages.chunk(2):
            half.mul_(filters)
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
