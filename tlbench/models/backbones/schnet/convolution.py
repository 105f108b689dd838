"""Convolutions with filters that are interpolated from a table."""

import ctypes
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from tlbench.kernels.derivatives import current_scope, differentiate, once
from tlbench.kernels.library import address, call, library_for, partial_sums, threads_for
from tlbench.models.backbones.schnet.interpolation import Grid


@dataclass(frozen=True)
class Edges:
    """Edges sorted by atom, each with its reverse among them, and where they are in a grid.

    ==========  ==================  =======================================================
    attribute   shape               meaning
    ==========  ==================  =======================================================
    first       (n_atoms + 1,)      where the edges of each atom begin, and their number
    senders     (n_edges,)          neighbour that an edge's message comes from
    rows        (n_edges,)          first node that an edge interpolates from
    weights     (n_edges, n_nodes)  those of the nodes' values in a filter
    slopes      (n_edges, n_nodes)  those of the nodes' values in its slope
    ==========  ==================  =======================================================
    """

    grid: Grid
    first: Tensor
    senders: Tensor
    rows: Tensor
    weights: Tensor
    slopes: Tensor

    @classmethod
    def of(cls, first: Tensor, senders: Tensor, distance: Tensor, grid: Grid) -> "Edges":
        """Return the edges, which are ``distance`` (n_edges,) long, Å, at most the cutoff."""
        distance = distance.detach()
        rows = grid.rows(distance)
        polynomials = grid.lagrange(distance, rows)
        weights, slopes = (grid.envelope(distance, order) * polynomials for order in (0, 1))
        return cls(grid, first, senders, rows, weights, slopes)


def interpolated_sum(x: Tensor, distance: Tensor, table: Tensor, edges: Edges) -> Tensor:
    """Return Σ x_j ∘ W(d_ij) over the edges (i, j) of every atom i.

    Parameters
    ----------
    x
        (n_atoms, width).
    distance
        d (n_edges,), Å, that ``edges`` was made for; the same for an edge and its reverse.
    table
        Values and slopes of W without its envelope at the nodes, side by side, (nodes, 2 width).
    """
    library = library_for(x, x.shape[1], alongside=[distance, table])
    if library is None:
        return _plain(x, distance, table, edges)
    rows = x.contiguous(), distance, table.contiguous()
    found: Tensor = _Convolution.apply(library, *rows, edges)
    return found


def _plain(x: Tensor, distance: Tensor, table: Tensor, edges: Edges) -> Tensor:
    """Do the same in plain torch."""
    nodes = edges.rows.unsqueeze(1) + torch.arange(edges.weights.shape[1], device=x.device)
    values, slopes = (part[nodes] for part in table.chunk(2, dim=1))
    filters = _Filters.apply(distance, values, slopes, edges)
    atoms = torch.arange(len(x), device=x.device)
    receivers = atoms.repeat_interleave(edges.first.diff(), output_size=len(distance))
    messages = x.index_select(0, edges.senders) * filters
    return torch.zeros_like(x).index_add(0, receivers, messages)


class _Filters(Function):
    """Filters of the edges, with the derivative by the distance that a table's slopes give."""

    @staticmethod
    def forward(ctx: Any, distance: Tensor, values: Tensor, slopes: Tensor, edges: Edges) -> Tensor:
        ctx.save_for_backward(distance, values, slopes)
        ctx.edges = edges
        return (edges.weights.unsqueeze(2) * values).sum(dim=1)

    @staticmethod
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor, Tensor, None, None]:
        distance, values, slopes = ctx.saved_tensors
        grid, rows = ctx.edges.grid, ctx.edges.rows
        weights, of_slopes = (grid.weights(distance, rows, n).unsqueeze(2) for n in (0, 1))
        by_distance = (of_slopes * values + weights * slopes).sum(dim=1)
        return (given * by_distance).sum(dim=1), weights * given.unsqueeze(1), None, None


def _plain_adjoint(
    given: Tensor, x: Tensor, distance: Tensor, table: Tensor, edges: Edges
) -> tuple[Tensor, ...]:
    x, distance = (t if t.requires_grad else t.requires_grad_(True) for t in (x, distance))
    out = _plain(x, distance, table, edges)
    return torch.autograd.grad(out, (x, distance), given, create_graph=True)


class _Call:
    """The kernels for one library and table."""

    def __init__(self, library: ctypes.CDLL, table: Tensor, edges: Edges) -> None:
        self.library, self.table, self.edges = library, table, edges
        self.scope, self.n_atoms = current_scope(), len(edges.first) - 1
        self.threads = threads_for(self.n_atoms)

    def sums(self) -> Tensor:
        """Return one table of zeros for each thread."""
        return partial_sums(self.table, self.threads)

    def __call__(self, name: str, *tensors: Tensor) -> None:
        """Call a kernel with the tensors that are its own."""
        edges, (_, columns) = self.edges, self.table.shape
        sizes = edges.weights.shape[1], columns // 2, ctypes.c_long(self.table.numel())
        lists = map(address, (edges.first, edges.senders, edges.rows))
        others = map(address, (edges.weights, edges.slopes, self.table, *tensors))
        kernel = getattr(self.library, f"convolution_{name}")
        call(kernel, self.threads, self.n_atoms, *lists, *sizes, *others)


class _Convolution(Function):
    @staticmethod
    def forward(
        ctx: Any, library: ctypes.CDLL, x: Tensor, distance: Tensor, table: Tensor, edges: Edges
    ) -> Tensor:
        ctx.call = _Call(library, table, edges)
        out = torch.empty_like(x)
        ctx.call("forward", x, out)
        ctx.save_for_backward(x, distance, table)
        return out

    @staticmethod
    def backward(ctx: Any, given: Tensor) -> tuple[Any, ...]:
        inputs, kernels = ctx.saved_tensors, ctx.call
        given, purpose = given.contiguous(), kernels.scope.purpose
        if purpose == "coordinates":
            of_x, of_distance = _Adjoint.apply(kernels, given, *inputs)
            return None, of_x, of_distance, None, None
        if purpose == "parameters" and not torch.is_grad_enabled():
            of_x, of_table = torch.empty_like(given), kernels.sums()
            kernels("adjoint_by_table", inputs[0], given, of_x, of_table)
            return None, of_x, None, of_table.sum(dim=0), None
        with torch.enable_grad():
            twin = partial(_plain, edges=kernels.edges)
            return None, *differentiate(twin, inputs, given), None


class _Adjoint(Function):
    @staticmethod
    def forward(
        ctx: Any, kernels: _Call, given: Tensor, x: Tensor, distance: Tensor, table: Tensor
    ) -> tuple[Tensor, Tensor]:
        of_x, of_distance = torch.empty_like(x), torch.zeros_like(distance)
        kernels("adjoint_by_distance", x, given, of_x, of_distance)
        ctx.call = kernels
        ctx.save_for_backward(given, x, distance, table)
        return of_x, of_distance

    @staticmethod
    @once
    def backward(ctx: Any, x_change: Tensor, change: Tensor) -> tuple[Any, ...]:
        inputs, kernels = ctx.saved_tensors, ctx.call
        if kernels.scope.purpose != "parameters":
            with torch.enable_grad():
                twin = partial(_plain_adjoint, edges=kernels.edges)
                return None, *differentiate(twin, inputs, x_change, change)
        given, x, _, _ = inputs
        of_given, of_x, of_table = torch.empty_like(given), torch.empty_like(x), kernels.sums()
        changes = x_change.contiguous(), change.contiguous()
        kernels("tangent", x, given, *changes, of_given, of_x, of_table)
        return None, of_given, of_x, None, of_table.sum(dim=0)
