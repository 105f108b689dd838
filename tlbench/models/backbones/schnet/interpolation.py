"""Continuous filters from a table of their network's values at evenly spaced distances.

A filter is a function of one distance alone, and there are far more pairs of atoms than a function
so smooth has independent values. So the network runs at the nodes of a grid, and every edge
interpolates: W(d) = u(d) Σ_n L_n(t) V_{k+n} with the envelope u, Lagrange's polynomials L_n of the
nearest nodes and the network's values V there. Its slope comes from the network's slopes V' in the
same way, W'(d) = Σ_n L_n(t) (u'(d) V_{k+n} + u(d) V'_{k+n}): differences of values would magnify
rounding. Both are linear in the table, so that derivatives by the network's parameters are those of
the table, at a cost that no longer grows with the number of edges.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from tlbench.models.backbones.schnet.filters import FilterBasis, Weights

N_NODES = {torch.float32: 8, torch.float64: 14}
"""Nodes that a value is interpolated from, by precision; as many lie between two Gaussians."""

LARGEST_ERROR = {torch.float32: 5e-7, torch.float64: 1e-12}
"""Of interpolation, relative to the largest slope in a table; rounding adds more to a force."""


@dataclass(frozen=True)
class Grid:
    """Evenly spaced nodes, which continue beyond zero and the cutoff for the intervals at the ends.

    Attributes
    ----------
    cutoff
        Å.
    n_intervals
        Intervals from zero to the cutoff.
    n_nodes
        Nodes that a value is interpolated from, half of them on either side.
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

    def nodes(self, device: torch.device) -> Tensor:
        """Return the distances of the nodes, Å, in double precision."""
        beyond = self.n_nodes // 2
        numbers = torch.arange(1 - beyond, self.n_intervals + beyond, device=device)
        return numbers.to(torch.float64) * self.spacing

    def basis(self, centres: Tensor, coefficient: float) -> FilterBasis:
        """Return Gaussians at the nodes, and an envelope of one."""
        # Errors of rounding would differ from node to node; interpolation magnifies that.
        nodes, exact = self.nodes(centres.device), centres.to(torch.float64)
        basis = FilterBasis.at(nodes, exact, coefficient, self.cutoff)
        gaussians, slopes = basis.gaussians.to(centres), basis.gaussian_slopes.to(centres)
        one = gaussians.new_ones((len(gaussians), 1))
        return FilterBasis(gaussians, slopes, one, torch.zeros_like(one))

    def rows(self, distance: Tensor) -> Tensor:
        """Return the first of the nodes that each distance is interpolated from."""
        # Only numbers are clamped, so what is not a number has a row, too.
        return (distance.double() / self.spacing).long().clamp(0, self.n_intervals - 1)

    def weights(self, distance: Tensor, rows: Tensor, order: int = 0) -> Tensor:
        """Return u⁽ᵒʳᵈᵉʳ⁾(d) L_n(t), (n_edges, n_nodes), to be differentiated by the distance."""
        found: Tensor = _Weights.apply(distance, rows, self, order, 0)
        return found

    def derivative(self, distance: Tensor, rows: Tensor, order: int, times: int) -> Tensor:
        """Return what the weights are when differentiated so many times, Å^−(order + times)."""
        found = torch.zeros((), dtype=distance.dtype, device=distance.device)
        for k in range(times + 1):  # Leibniz' rule
            polynomials = self.lagrange(distance, rows, times - k)
            found = found + math.comb(times, k) * self.envelope(distance, order + k) * polynomials
        return found

    def envelope(self, distance: Tensor, order: int = 0) -> Tensor:
        """Return a derivative of u = (cos(πd/r_c) + 1)/2 by the distance, shape (n_edges, 1)."""
        turn = math.pi / self.cutoff
        wave = torch.cos(turn * distance + order * math.pi / 2) * turn**order
        inside = (distance < self.cutoff).to(distance.dtype)
        found: Tensor = 0.5 * inside * (wave + (order == 0))
        return found.unsqueeze(1)

    def lagrange(self, distance: Tensor, rows: Tensor, order: int = 0) -> Tensor:
        """Return a derivative of L_n by the distance, shape (n_edges, n_nodes)."""
        # Rounded before the difference, t would be as wrong as if the distance were.
        t = (distance.double() / self.spacing - rows - 0.5).to(distance.dtype)
        powers = torch.linalg.vander(t, N=self.n_nodes)
        series = _lagrange_polynomials(self.n_nodes, order) / self.spacing**order
        found: Tensor = powers @ series.to(powers)
        return found


@cache
def _lagrange_polynomials(n_nodes: int, order: int) -> Tensor:
    """Return coefficients of a derivative of each polynomial, a row for each power of t."""
    nodes = np.arange(n_nodes) - (n_nodes - 1) / 2
    columns = []
    for number, node in enumerate(nodes):
        others = np.delete(nodes, number)
        found = np.polyder(np.poly(others) / np.prod(node - others), order)[::-1]
        columns.append(np.pad(found, (0, n_nodes - len(found))))
    return torch.as_tensor(np.stack(columns, axis=1))


class _Weights(Function):
    """Weights after some differentiations, to be differentiated once more."""

    @staticmethod
    def forward(
        ctx: Any, distance: Tensor, rows: Tensor, grid: Grid, order: int, times: int
    ) -> Tensor:
        ctx.save_for_backward(distance, rows)
        ctx.rest = grid, order, times + 1
        return grid.derivative(distance, rows, order, times)

    @staticmethod
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor | None, None, None, None, None]:
        distance, rows = ctx.saved_tensors
        slopes = _Weights.apply(distance, rows, *ctx.rest)
        return (given * slopes).sum(dim=1), None, None, None, None


def table_of(weights: Weights, basis: FilterBasis) -> Tensor:
    """Return a network's values and slopes at the nodes, side by side, (nodes, 2 n_filters)."""
    return torch.cat(basis.filters_and_slopes(weights), dim=1)


def smooth(tables: Sequence[Tensor], grid: Grid) -> bool:
    """Return whether interpolation in each of some tables adds less than rounding does.

    The error is f⁽ᵖ⁾/p! times the distances from p nodes, of which the product is largest half way
    between the innermost two; and the p-th difference is f⁽ᵖ⁾ times spacing^p. Slopes are less
    smooth than values.
    """
    p = grid.n_nodes
    slopes = torch.stack([t.detach().chunk(2, dim=1)[1] for t in tables], dim=1)
    product = math.prod(n + 0.5 for n in range(p // 2)) ** 2
    errors = slopes.diff(n=p, dim=0).abs().amax(dim=(0, 2)) * (product / math.factorial(p))
    return bool((errors <= LARGEST_ERROR[slopes.dtype] * slopes.abs().amax(dim=(0, 2))).all())
