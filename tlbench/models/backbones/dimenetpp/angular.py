"""Sums over pairs of edges, without pairs: by the addition theorem of spherical harmonics."""

import ctypes
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn.functional import pad

from tlbench.graphs import Graph
from tlbench.kernels.derivatives import current_scope, differentiate, once
from tlbench.kernels.library import (
    MAX_ORDERS,
    address,
    call,
    library_for,
    partial_sums,
    spans,
    threads_for,
)


@dataclass(frozen=True)
class Neighbourhoods:
    """The edges of a graph, atom by atom.

    ``first`` (n_atoms + 1,) says where the edges of each atom begin, ``reverse`` (n_edges,) which
    edge is the reverse of each. ``most_edges`` is a bound on the edges of any atom; without one,
    they are counted, for which an accelerator has to be waited for.
    """

    first: Tensor
    reverse: Tensor
    most_edges: int | None = None

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return self.first.shape[0] - 1

    @cached_property
    def centre(self) -> Tensor:
        """Atom that each edge leaves, (n_edges,)."""
        return torch.repeat_interleave(self.first.diff(), output_size=self.reverse.shape[0])

    @cached_property
    def width(self) -> int:
        """Number of slots that each atom has for its edges."""
        if self.most_edges is not None:
            return self.most_edges
        return int(self.first.diff().max()) if self.n_atoms else 0

    @cached_property
    def slot(self) -> Tensor:
        """Place of each edge where all atoms have ``width`` of them, (n_edges,)."""
        number = torch.arange(self.reverse.shape[0], device=self.first.device)
        atoms = torch.arange(self.n_atoms, device=self.first.device)
        gaps = atoms * self.width - self.first[:-1]
        return number + gaps.index_select(0, self.centre)


def neighbourhoods_of(graph: Graph) -> Neighbourhoods:
    """Return the edges of a graph, atom by atom."""
    atoms = torch.arange(graph.n_atoms + 1, device=graph.edge_index.device)
    first = torch.searchsorted(graph.edge_index[0].contiguous(), atoms)
    return Neighbourhoods(first, graph.reverse_edge, graph.most_edges)


def angular_sum(
    x: Tensor,
    radial: Tensor,
    basis: Tensor,
    harmonics: Tensor,
    edges: Neighbourhoods,
    spread: Callable[[], Tensor] | None = None,
) -> Tensor:
    """Return for each edge the sum over the edges that leave its neighbour, its reverse excepted.

    y_r(w) = Σ_{w' ≠ w} Σ_l P_l(cos θ_ww') a_lw' x_w' for any two edges w, w' that leave the same
    atom, where r(w) is the reverse of w and a_l = Σ_n R_ln B_ln. With P_l(cos θ) = Σ_m Y_lm Y'_lm
    it is a sum at the atom, P_lm = Σ_w Y_lm,w a_lw x_w, read from each edge, less the term w' = w.
    Shapes that do not fit each other are left to torch, which says what is wrong.

    Parameters
    ----------
    x
        (n_edges, n_channels).
    radial
        R, (n_edges, n_orders · n_radial).
    basis
        B, (n_orders, n_radial, n_channels).
    harmonics
        Y in Racah's normalisation, (n_edges, n_orders²).
    spread
        Returns `spread_harmonics` of these harmonics, where several sums share it.

    Raises
    ------
    RuntimeError
        If a tensor has not this shape, or another precision than x.
    """
    library = library_for(x, x.shape[-1], alongside=[radial, basis, harmonics])
    if library is None or x.shape[0] == 0 or not _fit(x, radial, basis, harmonics, edges):
        return _plain(x, radial, basis, harmonics, edges, spread)
    # Here, and not in the Function, which would keep copies that nothing can be traced through.
    x, radial, harmonics = x.contiguous(), radial.contiguous(), harmonics.contiguous()
    edges = Neighbourhoods(edges.first.contiguous(), edges.reverse.contiguous())
    found: Tensor = _Sum.apply(library, x, radial, basis, harmonics, edges)
    return found


def _fit(
    x: Tensor, radial: Tensor, basis: Tensor, harmonics: Tensor, edges: Neighbourhoods
) -> bool:
    """Return whether the kernels can take the tensors: they read addresses and check nothing."""
    if x.dim() != 2 or basis.dim() != 3:
        return False
    (n_edges, n_channels), (n_orders, n_radial, _) = x.shape, basis.shape
    return (
        0 < n_orders <= MAX_ORDERS
        and n_radial > 0
        and basis.shape[2] == n_channels
        and radial.shape == (n_edges, n_orders * n_radial)
        and harmonics.shape == (n_edges, n_orders**2)
        and edges.reverse.shape == (n_edges,)
        and edges.reverse.dtype == torch.int64
        and edges.reverse.is_cpu
        and spans(edges.first, n_edges)
    )


def spread_harmonics(harmonics: Tensor, edges: Neighbourhoods) -> Tensor:
    """Return the harmonics of all orders in matrices of one size, which plain torch multiplies.

    Shape (n_orders · n_atoms, slots of an atom, 2 n_orders − 1), order by order; zero where an
    order has fewer harmonics, or an atom fewer edges.
    """
    n_orders = math.isqrt(harmonics.shape[1])
    size = 2 * n_orders - 1
    columns = [
        order**2 + m if m < 2 * order + 1 else n_orders**2
        for order in range(n_orders)
        for m in range(size)
    ]
    place = torch.tensor(columns).to(harmonics.device, non_blocking=True)
    rows = pad(harmonics, (0, 1)).index_select(1, place).view(-1, n_orders, size).transpose(0, 1)
    return _in_slots(rows, edges)


def _in_slots(rows: Tensor, edges: Neighbourhoods) -> Tensor:
    """Return what (n_orders, n_edges, n) has of every edge, in the slots of every order's atoms."""
    n_orders, _, n = rows.shape
    slots = rows.new_zeros((n_orders, edges.n_atoms * edges.width, n))
    return slots.index_copy(1, edges.slot, rows).view(n_orders * edges.n_atoms, edges.width, n)


def _plain(
    x: Tensor,
    radial: Tensor,
    basis: Tensor,
    harmonics: Tensor,
    edges: Neighbourhoods,
    spread: Callable[[], Tensor] | None = None,
) -> Tensor:
    n_orders, n_radial, n_channels = basis.shape
    terms = torch.bmm(radial.reshape(-1, n_orders, n_radial).transpose(0, 1), basis) * x
    y = spread_harmonics(harmonics, edges) if spread is None else spread()
    moments = torch.bmm(y.transpose(1, 2), _in_slots(terms, edges))
    total = torch.bmm(y, moments).view(n_orders, edges.n_atoms * edges.width, n_channels)
    others = total.index_select(1, edges.slot) - terms
    return others.sum(dim=0).index_select(0, edges.reverse)


class _Call:
    """The kernels for one basis and graph."""

    def __init__(self, library: ctypes.CDLL, basis: Tensor, edges: Neighbourhoods) -> None:
        self.library, self.basis, self.edges = library, basis.detach().contiguous(), edges
        self.threads, self.scope = threads_for(edges.n_atoms), current_scope()

    def __call__(self, name: str, *tensors: Tensor | None) -> None:
        """Call a kernel with x, radial functions, (the basis,) and whatever else it takes."""
        edges, (x, radial, *others) = self.edges, map(address, tensors)
        call(
            getattr(self.library, name),
            self.threads,
            edges.n_atoms,
            address(edges.first),
            address(edges.reverse),
            *self.basis.shape,
            x,
            radial,
            address(self.basis),
            *others,
        )

    def basis_sums(self) -> Tensor:
        """Return partial sums for the adjoint of the basis."""
        return partial_sums(self.basis, self.threads)


class _Sum(Function):
    @staticmethod
    def forward(
        ctx: Any,
        library: ctypes.CDLL,
        x: Tensor,
        radial: Tensor,
        basis: Tensor,
        harmonics: Tensor,
        edges: Neighbourhoods,
    ) -> Tensor:
        ctx.call = _Call(library, basis, edges)
        out = torch.empty_like(x)
        moments = x.new_empty((edges.n_atoms, harmonics.shape[1], x.shape[1]))
        ctx.call("angular_forward", x, radial, harmonics, out, moments)
        ctx.save_for_backward(x, radial, basis, harmonics, moments)
        return out

    @staticmethod
    def backward(ctx: Any, given: Tensor) -> tuple[Any, ...]:
        x, radial, basis, harmonics, moments = ctx.saved_tensors
        given, purpose = given.contiguous(), ctx.call.scope.purpose
        if torch.is_grad_enabled() and purpose != "coordinates":
            twin = partial(_plain, edges=ctx.call.edges)
            return None, *differentiate(twin, (x, radial, basis, harmonics), given), None
        if purpose == "coordinates":
            of_x, of_radial, of_harmonics = _Adjoint.apply(
                ctx.call, given, x, radial, basis, harmonics, moments
            )
            return None, of_x, of_radial, None, of_harmonics, None
        of_basis = ctx.call.basis_sums()
        of_x, of_radial, of_harmonics, _ = _adjoints(
            ctx.call,
            given,
            x,
            radial,
            harmonics,
            moments,
            of_basis,
            geometry=purpose != "parameters",
        )
        return None, of_x, of_radial, of_basis.sum(dim=0), of_harmonics, None


def _adjoints(
    call: _Call,
    given: Tensor,
    x: Tensor,
    radial: Tensor,
    harmonics: Tensor,
    moments: Tensor,
    of_basis: Tensor | None,
    geometry: bool = True,
) -> list[Tensor | None]:
    """Return the adjoints of x, of radial functions and harmonics if wanted, and of moments."""
    found = [
        torch.empty_like(t) if wanted else None
        for t, wanted in ((x, True), (radial, geometry), (harmonics, geometry), (moments, True))
    ]
    call("angular_adjoint", x, radial, harmonics, moments, given, *found, of_basis)
    return found


class _Adjoint(Function):
    @staticmethod
    def forward(
        ctx: Any,
        call: _Call,
        given: Tensor,
        x: Tensor,
        radial: Tensor,
        basis: Tensor,
        harmonics: Tensor,
        moments: Tensor,
    ) -> tuple[Tensor | None, ...]:
        found = _adjoints(call, given, x, radial, harmonics, moments, None)
        ctx.call = call
        ctx.save_for_backward(given, x, radial, basis, harmonics, moments, found[3])
        return found[0], found[1], found[2]

    @staticmethod
    @once
    def backward(ctx: Any, of_x: Tensor, of_radial: Tensor, of_harmonics: Tensor) -> Any:
        given, x, radial, _, harmonics, moments, of_moments = ctx.saved_tensors
        known = [x, radial, harmonics, moments, given, of_moments]
        changes = [t.contiguous() for t in (of_x, of_radial, of_harmonics)]
        # The result is as long as `given`, of which it is the derivative.
        by_given, by_x = torch.empty_like(x), torch.empty_like(x)
        by_radial, by_harmonics = (
            torch.empty_like(t) if ctx.call.scope.purpose != "parameters" else None
            for t in (radial, harmonics)
        )
        by_basis = ctx.call.basis_sums()
        found = [by_given, by_x, by_radial, by_harmonics, by_basis]
        ctx.call("angular_tangent", *known, *changes, *found)
        return None, by_given, by_x, by_radial, by_basis.sum(dim=0), by_harmonics, None
