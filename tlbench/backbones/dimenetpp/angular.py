"""Sums over pairs of edges, without pairs: by the addition theorem of spherical harmonics."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from tlbench.graphs import Graph


@dataclass(frozen=True)
class Slots:
    """The edges of a graph, as many slots for every atom as the most crowded one needs.

    Slot a·K + k is the k-th edge of centre a, or is empty. ``of_edge`` (n_edges,) and
    ``of_reverse`` (n_edges,) are the slots of each edge and of its reverse; ``edge`` (n_slots,)
    and ``reverse`` (n_slots,) are the edge of each slot and its reverse, 0 if it is empty.
    """

    n_atoms: int
    n_slots: int
    of_edge: Tensor
    of_reverse: Tensor
    edge: Tensor
    reverse: Tensor


def slots_of(graph: Graph) -> Slots:
    """Lay the edges of a graph out in slots."""
    centre = graph.edge_index[0]
    degree = torch.bincount(centre, minlength=graph.n_atoms)
    width = int(degree.max()) if centre.numel() else 0
    first = (degree.cumsum(0) - degree)[centre]
    number = torch.arange(centre.shape[0], device=centre.device)
    of_edge = centre * width + number - first
    edge = centre.new_zeros(graph.n_atoms * width).index_copy_(0, of_edge, number)
    return Slots(
        graph.n_atoms,
        graph.n_atoms * width,
        of_edge,
        of_edge[graph.reverse_edge],
        edge,
        graph.reverse_edge[edge] if centre.numel() else edge,
    )


def angular_sum(x: Tensor, weights: Tensor, harmonics: Tensor, slots: Slots) -> Tensor:
    """Return for each edge the sum over the edges that leave its neighbour, its reverse excepted.

    With w the edge and w' another that leaves the same atom,
    y_r(w),c = Σ_{w' ≠ w} Σ_l P_l(cos θ_ww') a_lw'c x_w'c, where r(w) is the reverse of w.

    Differentiable twice, once by the geometry.

    Parameters
    ----------
    x
        (n_edges, n_channels).
    weights
        (n_orders, n_slots, n_channels), 0 in empty slots.
    harmonics
        (n_atoms, n_orders², K), 0 in empty slots.
    """
    found: Tensor = _Sum.apply(x, weights, harmonics, slots)
    return found


def _span(order: int) -> slice:
    return slice(order**2, (order + 1) ** 2)


def _project(harmonics: Tensor, z: Tensor) -> Tensor:
    """Return Σ_k Y_lm,k z_lkc at every atom, (n_atoms, n_orders², n_channels)."""
    n_atoms, _, width = harmonics.shape
    z = z.view(z.shape[0], n_atoms, width, -1)
    parts = [torch.bmm(harmonics[:, _span(l)], z[l]) for l in range(len(z))]
    return torch.cat(parts, dim=1)


def _spread(harmonics: Tensor, moments: Tensor, n_orders: int) -> Tensor:
    """Return Σ_m Y_lm,k P_lm,c at every slot, (n_orders, n_slots, n_channels)."""
    n_atoms, _, width = harmonics.shape
    found = moments.new_empty((n_orders, n_atoms, width, moments.shape[2]))
    for l in range(n_orders):
        torch.bmm(harmonics[:, _span(l)].transpose(1, 2), moments[:, _span(l)], out=found[l])
    return found.view(n_orders, n_atoms * width, -1)


def _outer(z: Tensor, moments: Tensor, found: Tensor) -> Tensor:
    """Add Σ_c P_lm,c z_lkc to ``found``, (n_atoms, n_orders², K)."""
    n_atoms, _, width = found.shape
    z = z.view(z.shape[0], n_atoms, width, -1)
    for l in range(len(z)):
        found[:, _span(l)] += torch.bmm(moments[:, _span(l)], z[l].transpose(1, 2))
    return found


class _Sum(Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weights: Tensor, harmonics: Tensor, slots: Slots
    ) -> Tensor:
        n_atoms, _, width = harmonics.shape
        padded = x.index_select(0, slots.edge)
        z = weights * padded
        moments = _project(harmonics, z)
        total = torch.bmm(harmonics.transpose(1, 2), moments).view(slots.n_slots, -1)
        total -= z.sum(0)
        ctx.slots = slots
        ctx.save_for_backward(x, weights, harmonics, padded, z, moments)
        return total.index_select(0, slots.of_reverse)

    @staticmethod
    def backward(ctx: Any, given: Tensor) -> tuple[Any, ...]:
        x, weights, harmonics, padded, z, moments = ctx.saved_tensors
        return *_Adjoint.apply(given, x, weights, harmonics, padded, z, moments, ctx.slots), None


class _Adjoint(Function):
    @staticmethod
    def forward(
        ctx: Any,
        given: Tensor,
        x: Tensor,
        weights: Tensor,
        harmonics: Tensor,
        padded: Tensor,
        z: Tensor,
        moments: Tensor,
        slots: Slots,
    ) -> tuple[Tensor, Tensor, Tensor]:
        n_atoms, _, width = harmonics.shape
        gq = given.index_select(0, slots.reverse)
        gp = torch.bmm(harmonics, gq.view(n_atoms, width, -1))
        gz = _spread(harmonics, gp, len(weights))
        gz -= gq
        gx = (gz * weights).sum(0).index_select(0, slots.of_edge)
        gw = gz * padded
        gy = torch.bmm(moments, gq.view(n_atoms, width, -1).transpose(1, 2))
        gy = _outer(z, gp, gy)
        ctx.slots = slots
        ctx.save_for_backward(weights, harmonics, padded, z, moments, gq, gp, gz)
        return gx, gw, gy

    @staticmethod
    def backward(ctx: Any, hx: Tensor, hw: Tensor, hy: Tensor) -> tuple[Any, ...]:
        weights, harmonics, padded, z, moments, gq, gp, gz = ctx.saved_tensors
        slots = ctx.slots
        n_atoms, _, width = harmonics.shape
        xdot = hx.index_select(0, slots.edge)
        zdot = torch.addcmul(hw * padded, weights, xdot)
        pdot = _project(hy, z) + _project(harmonics, zdot)
        qdot = torch.bmm(hy.transpose(1, 2), moments)
        qdot = torch.baddbmm(qdot, harmonics.transpose(1, 2), pdot).view(slots.n_slots, -1)
        qdot -= zdot.sum(0)
        hgiven = qdot.index_select(0, slots.of_reverse)
        hp = torch.bmm(hy, gq.view(n_atoms, width, -1))
        hz = _spread(harmonics, hp, len(weights)) + _spread(hy, gp, len(weights))
        hx2 = torch.addcmul(hz * weights, gz, hw).sum(0).index_select(0, slots.of_edge)
        hw2 = torch.addcmul(hz * padded, gz, xdot)
        return hgiven, hx2, hw2, None, None, None, None, None
