"""Sums over pairs of edges, without pairs: by the addition theorem of spherical harmonics."""

import ctypes
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from tlbench.graphs import Graph
from tlbench.kernels import library_for, only_by_coordinates


@dataclass(frozen=True)
class Neighbourhoods:
    """The edges of a graph, atom by atom.

    ``first`` (n_atoms + 1,) says where the edges of each atom begin, ``reverse`` (n_edges,) which
    edge is the reverse of each.
    """

    first: Tensor
    reverse: Tensor

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return self.first.shape[0] - 1

    def slots(self) -> tuple[Tensor, int]:
        """Return a place (n_edges,) for each edge where all atoms have as many, and how many."""
        degree = self.first.diff()
        width = int(degree.max()) if self.n_atoms else 0
        number = torch.arange(self.reverse.shape[0], device=self.first.device)
        atoms = torch.arange(self.n_atoms, device=self.first.device)
        gaps = atoms * width - self.first[:-1]
        return number + gaps.repeat_interleave(degree, output_size=len(number)), width


def neighbourhoods_of(graph: Graph) -> Neighbourhoods:
    """Return the edges of a graph, atom by atom."""
    degree = torch.bincount(graph.edge_index[0], minlength=graph.n_atoms)
    return Neighbourhoods(torch.cat([degree.new_zeros(1), degree.cumsum(0)]), graph.reverse_edge)


def angular_sum(x: Tensor, weights: Tensor, harmonics: Tensor, edges: Neighbourhoods) -> Tensor:
    """Return for each edge the sum over the edges that leave its neighbour, its reverse excepted.

    y_r(w) = Σ_{w' ≠ w} Σ_l P_l(cos θ_ww') a_lw' x_w' for any two edges w, w' that leave the same
    atom, where r(w) is the reverse of w. With P_l(cos θ) = Σ_m Y_lm Y'_lm it is a sum at the atom,
    P_lm = Σ_w Y_lm,w a_lw x_w, read from each edge, less the term w' = w.

    Parameters
    ----------
    x
        (n_edges, n_channels).
    weights
        a, (n_orders, n_edges, n_channels).
    harmonics
        Y in Racah's normalisation, (n_edges, n_orders²).
    """
    library = library_for(x, x.shape[1])
    if library is None or x.shape[0] == 0:
        return _plain(x, weights, harmonics, edges)
    found: Tensor = _Sum.apply(library, x, weights, harmonics, edges)
    return found


def _plain(x: Tensor, weights: Tensor, harmonics: Tensor, edges: Neighbourhoods) -> Tensor:
    """Atoms with fewer edges than the most crowded one get empty slots."""
    n_orders, _, n_channels = weights.shape
    slot, width = edges.slots()
    n_slots = edges.n_atoms * width
    terms = weights * x
    z = terms.new_zeros((n_orders, n_slots, n_channels)).index_copy(1, slot, terms)
    z = z.view(n_orders, edges.n_atoms, width, n_channels)
    y = harmonics.new_zeros((n_slots, n_orders**2)).index_copy(0, slot, harmonics)
    y = y.view(edges.n_atoms, width, n_orders**2)
    moments = torch.cat(
        [
            torch.bmm(y[:, :, order**2 : (order + 1) ** 2].transpose(1, 2), z[order])
            for order in range(n_orders)
        ],
        dim=1,
    )
    total = torch.bmm(y, moments).view(n_slots, n_channels).index_select(0, slot)
    return (total - terms.sum(dim=0)).index_select(0, edges.reverse)


def _arguments(x: Tensor, weights: Tensor, edges: Neighbourhoods, *tensors: Tensor) -> list[Any]:
    return [
        ctypes.c_long(edges.n_atoms),
        ctypes.c_void_p(edges.first.data_ptr()),
        ctypes.c_void_p(edges.reverse.data_ptr()),
        weights.shape[0],
        weights.shape[2],
        *(ctypes.c_void_p(t.data_ptr()) for t in (x, weights, *tensors)),
    ]


def _check(status: int) -> None:
    if status:
        raise MemoryError("a kernel could not get its working memory")


class _Sum(Function):
    @staticmethod
    def forward(
        ctx: Any,
        library: ctypes.CDLL,
        x: Tensor,
        weights: Tensor,
        harmonics: Tensor,
        edges: Neighbourhoods,
    ) -> Tensor:
        x, weights, harmonics = x.contiguous(), weights.contiguous(), harmonics.contiguous()
        out = torch.empty_like(x)
        moments = x.new_empty((edges.n_atoms, harmonics.shape[1], x.shape[1]))
        _check(library.angular_forward(*_arguments(x, weights, edges, harmonics, out, moments)))
        ctx.library, ctx.edges = library, edges
        ctx.save_for_backward(x, weights, harmonics, moments)
        return out

    @staticmethod
    def backward(ctx: Any, given: Tensor) -> tuple[Any, ...]:
        x, weights, harmonics, moments = ctx.saved_tensors
        if torch.is_grad_enabled() and not only_by_coordinates():
            inputs = [t for t in (x, weights, harmonics) if t.requires_grad]
            again = _plain(x, weights, harmonics, ctx.edges)
            found = iter(torch.autograd.grad(again, inputs, given, create_graph=True))
            return None, *(next(found) if t.requires_grad else None
                           for t in (x, weights, harmonics)), None
        return None, *_Adjoint.apply(
            ctx.library, given, x, weights, harmonics, moments, ctx.edges
        ), None


class _Adjoint(Function):
    @staticmethod
    def forward(
        ctx: Any,
        library: ctypes.CDLL,
        given: Tensor,
        x: Tensor,
        weights: Tensor,
        harmonics: Tensor,
        moments: Tensor,
        edges: Neighbourhoods,
    ) -> tuple[Tensor, Tensor, Tensor]:
        given = given.contiguous()
        found = torch.empty_like(x), torch.empty_like(weights), torch.empty_like(harmonics)
        of_moments = torch.empty_like(moments)
        _check(
            library.angular_adjoint(
                *_arguments(x, weights, edges, harmonics, moments, given, *found, of_moments)
            )
        )
        ctx.library, ctx.edges = library, edges
        ctx.save_for_backward(given, x, weights, harmonics, moments, of_moments)
        return found

    @staticmethod
    def backward(ctx: Any, of_x: Tensor, of_weights: Tensor, of_harmonics: Tensor) -> Any:
        given, x, weights, harmonics, moments, of_moments = ctx.saved_tensors
        changes = of_x.contiguous(), of_weights.contiguous(), of_harmonics.contiguous()
        found = torch.empty_like(x), torch.empty_like(x), torch.empty_like(weights)
        _check(
            ctx.library.angular_tangent(
                *_arguments(
                    x, weights, ctx.edges, harmonics, moments, given, of_moments, *changes, *found
                )
            )
        )
        return None, *found, None, None, None
