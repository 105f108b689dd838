"""Continuous filters from a table of their network's values at evenly spaced distances.

A filter is a function of one distance alone, and there are far more pairs of atoms than a function
so smooth has independent values. So the network runs at the nodes of a grid, and every edge
interpolates: W(d) = u(d) Σ_n L_n(t) F_{k+n} with the envelope u, Lagrange's polynomials L_n of the
nearest nodes and values F there. That is linear in F, so that derivatives by the network's
parameters are those of the table.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn.functional import linear

from tlbench.kernels.derivatives import Scope, current_scope
from tlbench.models.backbones.activation import shifted_softplus
from tlbench.models.backbones.schnet.filters import Weights

N_NODES = {torch.float32: 8, torch.float64: 14}
"""Nodes that a value is interpolated from, by precision; as many lie between two Gaussians."""

LARGEST_ERROR = {torch.float32: 5e-7, torch.float64: 1e-12}
"""Of what interpolation may add to the largest value of a table; rounding adds more."""


@dataclass(frozen=True)
class Grid:
    """Evenly spaced distances, so many beyond either end that every one has as many neighbours.

    ``spacing`` Å; ``n_intervals`` of this length up to the cutoff; ``n_nodes`` that a value is
    interpolated from.
    """

    cutoff: float
    n_intervals: int
    n_nodes: int

    @classmethod
    def of(cls, cutoff: float, n_gaussians: int, dtype: torch.dtype) -> "Grid":
        """Return the grid that resolves a network on ``n_gaussians`` Gaussians."""
        return cls(cutoff, N_NODES[dtype] * (n_gaussians - 1), N_NODES[dtype])

    @property
    def spacing(self) -> float:
        """Distance of two nodes, Å."""
        return self.cutoff / self.n_intervals

    def nodes(self, like: Tensor) -> Tensor:
        """Return the distances, Å, on the device and in the precision of a tensor."""
        first = 1 - self.n_nodes // 2
        numbers = torch.arange(first, self.n_intervals + self.n_nodes // 2, dtype=torch.float64)
        return (numbers * self.spacing).to(like)

    def rows(self, distance: Tensor) -> Tensor:
        """Return the first of the nodes that each distance is interpolated from."""
        # Only numbers are clamped, so what is not a number has a row, too.
        return (distance / self.spacing).long().clamp(0, self.n_intervals - 1)

    def weights(self, distance: Tensor, rows: Tensor) -> Tensor:
        """Return u(d) L_n(t), shape (n_edges, n_nodes)."""
        found: Tensor = _Weights.apply(distance, rows, self, 0, current_scope())
        return found

    def derivative(self, distance: Tensor, rows: Tensor, order: int) -> Tensor:
        """Return a derivative of the weights by the distance, Å^−order."""
        t = distance / self.spacing - rows - 0.5
        powers = torch.linalg.vander(t, N=self.n_nodes)
        turn = math.pi / self.cutoff
        inside = (distance < self.cutoff).to(distance.dtype)
        found = torch.zeros_like(powers)
        for k in range(order + 1):  # Leibniz' rule
            wave = torch.cos(turn * distance + k * math.pi / 2) * turn**k
            envelope = 0.5 * inside * (wave + 1 if k == 0 else wave)
            series = torch.as_tensor(self._polynomials(order - k)).to(powers)
            factor = math.comb(order, k) * envelope.unsqueeze(1)
            found = torch.addcmul(found, factor, powers @ series)
        return found

    def _polynomials(self, order: int) -> np.ndarray:
        """Return coefficients of a derivative of each L_n by d, a row for each power of t."""
        nodes = np.arange(self.n_nodes) - (self.n_nodes - 1) / 2
        rows = []
        for number, node in enumerate(nodes):
            others = np.delete(nodes, number)
            found = np.poly(others) / np.prod(node - others)
            rows.append(np.polyder(found, order) / self.spacing**order)
        found = np.stack(rows)[:, ::-1]
        return np.pad(found, ((0, 0), (0, self.n_nodes - found.shape[1]))).T.copy()


class _Weights(Function):
    """A derivative of the weights by the distance, to be differentiated as often as wanted."""

    @staticmethod
    def forward(
        ctx: Any, distance: Tensor, rows: Tensor, grid: Grid, order: int, scope: Scope
    ) -> Tensor:
        ctx.save_for_backward(distance, rows)
        ctx.grid, ctx.order, ctx.scope = grid, order, scope
        return grid.derivative(distance, rows, order)

    @staticmethod
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor | None, None, None, None, None]:
        if ctx.scope.purpose == "parameters":
            return None, None, None, None, None
        distance, rows = ctx.saved_tensors
        slopes = _Weights.apply(distance, rows, ctx.grid, ctx.order + 1, ctx.scope)
        return (given * slopes).sum(dim=1), None, None, None, None


def tables(networks: Sequence[Weights], gaussians: Tensor) -> Tensor:
    """Return what each network gives for Gaussians at nodes, (n_networks, n_nodes, n_filters)."""
    first, first_bias, second, second_bias = zip(*networks, strict=True)
    hidden = shifted_softplus(linear(gaussians, torch.cat(first), torch.cat(first_bias)))
    hidden = hidden.view(len(gaussians), len(networks), -1).transpose(0, 1)
    bias = torch.stack(second_bias).unsqueeze(1)
    return torch.baddbmm(bias, hidden, torch.stack(second).transpose(1, 2))


def smooth(table: Tensor) -> bool:
    """Return whether interpolation in tables (…, n_nodes, n_filters) is exact to rounding.

    The error is f⁽ᵖ⁾/p! times the distances from p nodes, of which the product is largest half way
    between the innermost two; and the p-th difference is f⁽ᵖ⁾ times spacing^p.
    """
    table = table.detach()
    p = N_NODES[table.dtype]
    product = math.prod(n + 0.5 for n in range(p // 2)) ** 2
    error = table.diff(n=p, dim=-2).abs().max() * (product / math.factorial(p))
    return bool(error <= LARGEST_ERROR[table.dtype] * table.abs().max())
