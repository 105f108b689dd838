"""Convolutions with filters that are interpolated from a table."""

import ctypes
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from tlbench.graphs import Graph
from tlbench.kernels.derivatives import current_scope, differentiate, once
from tlbench.kernels.library import address, call, library_for, partial_sums, threads_for, whole


@dataclass(frozen=True)
class Edges:
    """Edges sorted by atom, each of which has its reverse among them.

    ==========  ==============  =======================================================
    attribute   shape           meaning
    ==========  ==============  =======================================================
    first       (n_atoms + 1,)  where the edges of each atom begin, and their number
    senders     (n_edges,)      neighbour that an edge's message comes from
    rows        (n_edges,)      first row of a table that an edge uses
    ==========  ==============  =======================================================
    """

    first: Tensor
    senders: Tensor
    rows: Tensor

    @classmethod
    def of(cls, graph: Graph, rows: Tensor) -> "Edges":
        """Return the edges of a graph."""
        centre, neighbour = graph.edge_index
        atoms = torch.arange(graph.n_atoms + 1, device=centre.device)
        first = torch.searchsorted(centre.contiguous(), atoms)
        return cls(first, neighbour.contiguous(), rows)


def interpolated_sum(x: Tensor, weights: Tensor, table: Tensor, edges: Edges) -> Tensor:
    """Return Σ x_j ∘ W over the edges (i, j) of every atom i, with W = Σ_n w_n F_{k+n}.

    Parameters
    ----------
    x
        (n_atoms, width).
    weights
        w (n_edges, n_weights), the same for an edge and its reverse.
    table
        F (n_rows, width).
    edges
        Atoms, and first rows k.
    """
    library = library_for(x, x.shape[1], alongside=[weights, table])
    if library is None:
        return _plain(x, weights, table, edges)
    tensors = x.contiguous(), weights.contiguous(), table.contiguous()
    found: Tensor = _Convolution.apply(library, *tensors, edges)
    return found


def _plain(x: Tensor, weights: Tensor, table: Tensor, edges: Edges) -> Tensor:
    rows = edges.rows.unsqueeze(1) + torch.arange(weights.shape[1], device=x.device)
    filters = (weights.unsqueeze(2) * table[rows]).sum(dim=1)
    atoms = torch.arange(len(x), device=x.device)
    receivers = atoms.repeat_interleave(edges.first.diff(), output_size=len(weights))
    messages = x.index_select(0, edges.senders) * filters
    return torch.zeros_like(x).index_add(0, receivers, messages)


class _Call:
    """The kernels for one library and table."""

    def __init__(self, library: ctypes.CDLL, table: Tensor, n_weights: int, edges: Edges) -> None:
        self.library, self.table, self.edges = library, table, edges
        self.n_weights, self.scope = n_weights, current_scope()
        self.n_atoms = len(edges.first) - 1
        self.threads = threads_for(self.n_atoms)

    def forward(self, x: Tensor, weights: Tensor, out: Tensor) -> None:
        """Add the result to ``out``."""
        self._call(self.library.convolution_forward, x, weights, out)

    def adjoint(
        self,
        x: Tensor,
        weights: Tensor,
        given: Tensor,
        of_x: Tensor,
        of_weights: Tensor | None,
        of_table: Tensor | None,
    ) -> None:
        """Add to the adjoints that are wanted; ``of_table`` are partial sums."""
        size = ctypes.c_long(self.table.numel())
        tensors = x, weights, given, of_x, of_weights, of_table
        self._call(self.library.convolution_adjoint, *tensors, size=size)

    def _call(self, function: Any, *tensors: Tensor | None, size: Any = None) -> None:
        lists = map(address, (self.edges.first, self.edges.senders, self.edges.rows))
        sizes = self.n_weights, self.table.shape[1]
        ends = [] if size is None else [size]
        tensors = self.table, *tensors
        call(function, self.threads, self.n_atoms, *lists, *sizes, *map(address, tensors), *ends)


class _Convolution(Function):
    @staticmethod
    def forward(
        ctx: Any, library: ctypes.CDLL, x: Tensor, weights: Tensor, table: Tensor, edges: Edges
    ) -> Tensor:
        ctx.call = _Call(library, table, weights.shape[1], edges)
        out = torch.zeros_like(x)
        ctx.call.forward(x, weights, out)
        ctx.save_for_backward(x, weights, table)
        return out

    @staticmethod
    def backward(ctx: Any, given: Tensor) -> tuple[Any, ...]:
        x, weights, table = ctx.saved_tensors
        given, purpose = given.contiguous(), ctx.call.scope.purpose
        if torch.is_grad_enabled() and purpose != "coordinates":
            twin = partial(_plain, edges=ctx.call.edges)
            return None, *differentiate(twin, (x, weights, table), given), None
        if purpose == "coordinates":
            of_x, of_weights = _Adjoint.apply(ctx.call, given, x, weights, table)
            return None, of_x, of_weights, None, None
        of_x = torch.zeros_like(x)
        of_weights = None if purpose == "parameters" else torch.zeros_like(weights)
        of_table = partial_sums(table, ctx.call.threads)
        ctx.call.adjoint(x, weights, given, of_x, of_weights, of_table)
        return None, of_x, of_weights, of_table.sum(dim=0), None


class _Adjoint(Function):
    @staticmethod
    def forward(
        ctx: Any, call: _Call, given: Tensor, x: Tensor, weights: Tensor, table: Tensor
    ) -> tuple[Tensor, Tensor]:
        of_x, of_weights = torch.zeros_like(x), torch.zeros_like(weights)
        call.adjoint(x, weights, given, of_x, of_weights, None)
        ctx.call = call
        ctx.save_for_backward(given, x, weights, table)
        ctx.set_materialize_grads(False)
        return of_x, of_weights

    @staticmethod
    @once
    def backward(ctx: Any, x_change: Tensor | None, change: Tensor | None) -> tuple[Any, ...]:
        given, x, weights, table = ctx.saved_tensors
        kernels: _Call = ctx.call
        of_given, of_x = torch.zeros_like(given), torch.zeros_like(x)
        of_weights = None if kernels.scope.purpose == "parameters" else torch.zeros_like(weights)
        of_table = partial_sums(table, kernels.threads)
        x_change, change = whole(x_change), whole(change)
        if x_change is not None:
            kernels.adjoint(given, weights, x_change, of_given, of_weights, of_table)
        if change is not None:
            kernels.forward(x, change, of_given)
            kernels.adjoint(x, change, given, of_x, None, of_table)
        return None, of_given, of_x, of_weights, of_table.sum(dim=0)
