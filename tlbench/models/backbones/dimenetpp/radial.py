"""Radial functions of DimeNet: spherical Bessel functions under a smooth envelope."""

import ctypes
import math
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.polynomial import chebyshev
from scipy.fft import dct
from scipy.optimize import brentq
from scipy.special import spherical_jn
from torch import Tensor, nn
from torch.autograd import Function

from tlbench.kernels.derivatives import Scope, current_scope
from tlbench.kernels.library import LANE_BYTES, address, call, library_for, threads_for, whole

_DEGREES = {torch.float32: 7, torch.float64: 13}
"""Degree of the polynomials that are radial functions in an interval, by precision."""


def spherical_bessel_zeros(n_orders: int, n_zeros: int) -> np.ndarray:
    """Return the first ``n_zeros`` positive zeros of j_l for l < ``n_orders``, one row per l."""
    # Zeros of j_l interlace with those of j_{l−1}, which brackets each of them.
    zeros = np.arange(1, n_zeros + n_orders) * math.pi
    rows = [zeros[:n_zeros]]
    for order in range(1, n_orders):
        zeros = np.array(
            [
                brentq(lambda x, n=order: float(spherical_jn(n, x)), low, high, xtol=1e-14)
                for low, high in pairwise(zeros)
            ]
        )
        rows.append(zeros[:n_zeros])
    return np.stack(rows)


class RadialFunctions(nn.Module):
    """The envelope u(d)/d of DimeNet, and its radial functions N_ln u(d)/d j_l(z_ln d/c).

    arXiv 2003.03123, eqs. 6 and 8. With the factor √((2l+1)/4π) of Y_l0 included, and (−1)^l
    because the paper's angle is the complement of θ at the atom, the basis of a pair of edges
    that leave an atom is R_ln(d) P_l(cos θ).

    j_l(z x) is a polynomial in x to within rounding: every function is a row of coefficients
    times the Chebyshev polynomials T_k(x), and so is every derivative.

    ``series`` (3, n_functions + 1, degree + 1) are the coefficients of j_l, of 1 for the envelope,
    and of their first two derivatives by x.

    Parameters
    ----------
    n_spherical, n_radial
        Number of orders l, and of radial functions for each.
    cutoff
        Å.
    exponent
        p of the envelope.
    """

    series: Tensor
    powers: Tensor
    factors: Tensor

    def __init__(self, n_spherical: int, n_radial: int, cutoff: float, exponent: int) -> None:
        super().__init__()
        self.cutoff, self.exponent = cutoff, exponent
        self.n_functions = n_spherical * n_radial
        zeros = spherical_bessel_zeros(n_spherical, n_radial)
        orders = np.arange(n_spherical)[:, None]
        radial_norm = math.sqrt(2.0) / np.abs(spherical_jn(orders + 1, zeros))
        angular_norm = (-1.0) ** orders * np.sqrt((2 * orders + 1) / (4 * math.pi))
        series = bessel_series(zeros) * (radial_norm * angular_norm).reshape(-1, 1)
        # Of j, 1 and their first two derivatives by x.
        rows = [np.vstack([series, np.eye(1, series.shape[1])])]
        for _ in range(2):
            slope = chebyshev.chebder(rows[-1], axis=1)
            rows.append(np.pad(slope, ((0, 0), (0, 1))))
        self._coefficients = np.stack(rows)
        self.register_buffer("series", torch.as_tensor(self._coefficients), persistent=False)
        # u(x)/x and its first two derivatives are sums of powers of x; all factors are integers.
        p = exponent
        powers = np.array([-1, p - 1, p, p + 1])
        factors = np.array([1, -(p + 1) * (p + 2) // 2, p * (p + 2), -p * (p + 1) // 2])
        falling = np.stack([np.ones_like(powers), powers, powers * (powers - 1)])
        powers = powers - np.arange(3)[:, None]
        self.register_buffer("powers", torch.as_tensor(powers), persistent=False)
        self.register_buffer("factors", torch.as_tensor(factors * falling), persistent=False)
        # A wave that turns by 1 in an interval is a polynomial to within rounding.
        self._n_intervals = math.ceil(zeros.max())
        self._tables: dict[torch.dtype, Tensor] = {}

    def forward(self, distance: Tensor) -> tuple[Tensor, Tensor]:
        """Return functions (n, n_spherical·n_radial) and envelope (n, 1) at (n,) distances."""
        at = At(self, distance.detach())
        functions, envelope = _Functions.apply(distance, None, at, 0, current_scope())
        return functions, envelope

    def table(self, dtype: torch.dtype) -> Tensor:
        """Return the functions, without envelope, as polynomials from interval to interval.

        Shape (n_intervals, degree + 1, n_functions and zeros up to a whole vector): coefficients
        from the highest power of t on, where t goes from −1 to 1 in each interval of x.
        """
        if dtype not in self._tables:
            series = self._coefficients[0, :-1]
            size = _DEGREES[dtype] + 1
            angles = np.pi * (np.arange(size) + 0.5) / size
            starts = np.arange(self._n_intervals)[:, None]
            x = (starts + (np.cos(angles) + 1) / 2) / self._n_intervals
            found = dct(chebyshev.chebval(x, series.T), axis=2) / size
            found[:, :, 0] /= 2
            # Powers straight from values would lose five digits.
            powers = np.zeros((size, size))
            for k, row in enumerate(np.eye(size)):
                powers[: k + 1, k] = chebyshev.cheb2poly(row[: k + 1])
            found = np.einsum("pk,fik->ipf", powers[::-1], found)
            lanes = LANE_BYTES // torch.empty(0, dtype=dtype).element_size()
            found = np.pad(found, ((0, 0), (0, 0), (0, -found.shape[2] % lanes)))
            self._tables[dtype] = torch.as_tensor(found).to(dtype).contiguous()
        return self._tables[dtype]


class At:
    """Radial functions at some distances (n,), in plain torch; what was computed is kept."""

    def __init__(self, basis: RadialFunctions, distance: Tensor) -> None:
        self.basis, self.distance = basis, distance
        self._derivatives: dict[int, Tensor] = {}

    def derivative(self, order: int) -> Tensor:
        """Return the derivatives of order 0, 1 or 2 by the distance, those of the envelope last.

        Shape (n, n_functions + 1).
        """
        if order not in self._derivatives:
            dtype, basis = self.distance.dtype, self.basis
            found = self._series_values(order) * self._envelopes[0]
            for k in range(1, order + 1):  # Leibniz' rule
                factor = self._envelopes[k] * math.comb(order, k)
                found = torch.addcmul(found, factor, self._series_values(order - k))
            found = (found / basis.cutoff**order).to(dtype)
            self._derivatives[order] = found.t().contiguous()
        return self._derivatives[order]

    @cached_property
    def _x(self) -> Tensor:
        return (self.distance.to(torch.float64) / self.basis.cutoff).clamp(max=1.0)

    @cached_property
    def _envelopes(self) -> Tensor:
        """u(x)/x of the paper and its first two derivatives, (3, n), zero from x = 1 on."""
        x = self._x
        powers = x.pow(self.basis.powers.unsqueeze(2)) * self.basis.factors.unsqueeze(2)
        return (powers.sum(dim=1) * (x < 1)).to(self.distance.dtype)

    def _series_values(self, order: int) -> Tensor:
        return self.basis.series[order].to(self.distance.dtype) @ self._polynomials

    @cached_property
    def _polynomials(self) -> Tensor:
        """Chebyshev polynomials, a row each."""
        return _chebyshev_polynomials(self._x, self.basis.series.shape[2]).to(self.distance.dtype)


def bessel_series(zeros: np.ndarray) -> np.ndarray:
    """Return Chebyshev coefficients of j_l(z x) on [−1, 1], a row for each z of each order l."""
    # Coefficients of e^{izx} are Bessel functions J_k(z), which vanish soon after k = z.
    size = math.ceil(1.1 * float(zeros.max()) + 30)
    nodes = np.cos(np.pi * (np.arange(size) + 0.5) / size)
    orders = np.arange(len(zeros)).reshape(-1, 1, 1)
    values = spherical_jn(orders, zeros[:, :, None] * np.abs(nodes)) * np.sign(nodes) ** orders
    found: np.ndarray = dct(values, axis=2) / size
    found[:, :, 0] /= 2
    return found.reshape(-1, size)


def _chebyshev_polynomials(x: Tensor, number: int) -> Tensor:
    """Return T_0(x), T_1(x), …, one row each."""
    rows = x.new_empty((number, x.shape[0]))
    rows[0], rows[1] = 1.0, x
    known = 1
    while known < number - 1:
        # T_{m+j} = 2 T_m T_j − T_{m−j}
        new = min(known, number - 1 - known)
        target = rows[known + 1 : known + new + 1]
        torch.mul(rows[1 : new + 1], 2 * rows[known], out=target)
        target -= rows[known - new : known].flip(0)
        known += new
    return rows


class _Functions(Function):
    """A derivative of functions and envelope, times a weight (n,) if there is one."""

    @staticmethod
    def forward(
        ctx: Any,
        distance: Tensor,
        weight: Tensor | None,
        at: At,
        order: int,
        scope: Scope,
    ) -> tuple[Tensor, Tensor]:
        if order > 2:
            raise NotImplementedError("third derivatives of radial functions")
        ctx.save_for_backward(distance, weight)
        ctx.at, ctx.order, ctx.scope = at, order, scope
        library = library_for(distance, alongside=[weight])
        if library is None:
            found = at.derivative(order)
            if weight is not None:
                found = found * weight.unsqueeze(1)
            return found[:, :-1].contiguous(), found[:, -1:].contiguous()
        functions = distance.new_empty((len(distance), at.basis.n_functions))
        envelope = distance.new_empty((len(distance), 1))
        results = [None, None, functions, envelope, None]
        _call(library, at.basis, order, distance, weight, *results)
        return functions, envelope

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor | None, ...]:
        distance, weight = ctx.saved_tensors
        rest = ctx.at, ctx.order, ctx.scope
        by_distance = by_weight = None
        if ctx.needs_input_grad[0] and ctx.scope.purpose != "parameters":
            slopes = ctx.at, ctx.order + 1, ctx.scope
            by_distance = _Sums.apply(distance, weight, *given, *slopes)
        if weight is not None:
            by_weight = _Sums.apply(distance, None, *given, *rest)
        return by_distance, by_weight, None, None, None


class _Sums(Function):
    """The sum over given multiples of what ``_Functions`` returns, (n,): its adjoint."""

    @staticmethod
    def forward(
        ctx: Any,
        distance: Tensor,
        weight: Tensor | None,
        given: Tensor,
        given_envelope: Tensor,
        at: At,
        order: int,
        scope: Scope,
    ) -> Tensor:
        if order > 2:
            raise NotImplementedError("third derivatives of radial functions")
        given, given_envelope = given.contiguous(), given_envelope.contiguous()
        ctx.save_for_backward(distance, weight, given, given_envelope)
        ctx.at, ctx.order, ctx.scope = at, order, scope
        library = library_for(distance, alongside=[weight, given, given_envelope])
        if library is None:
            rows = torch.cat([given, given_envelope], dim=1)
            sums = (at.derivative(order) * rows).sum(dim=1)
            return sums if weight is None else sums * weight
        sums = torch.empty_like(distance)
        results = [given, given_envelope, None, None, sums]
        _call(library, at.basis, order, distance, weight, *results)
        return sums

    @staticmethod
    def backward(ctx: Any, change: Tensor) -> tuple[Tensor | None, ...]:
        distance, weight, *given = ctx.saved_tensors
        by_distance = by_weight = None
        slopes = ctx.at, ctx.order + 1, ctx.scope
        if ctx.needs_input_grad[0] and ctx.scope.purpose != "parameters":
            factor = change if weight is None else change * weight
            by_distance = _Sums.apply(distance, factor, *given, *slopes)
        rest = ctx.at, ctx.order, ctx.scope
        if weight is not None:
            by_weight = change * _Sums.apply(distance, None, *given, *rest)
            change = change * weight
        by_given = _Functions.apply(distance, change, *rest)
        return by_distance, by_weight, *by_given, None, None, None


def _call(
    library: ctypes.CDLL,
    basis: RadialFunctions,
    order: int,
    distance: Tensor,
    weight: Tensor | None,
    *tensors: Tensor | None,
) -> None:
    table = basis.table(distance.dtype)
    n_intervals, n_powers, padded = table.shape
    sizes = basis.n_functions, padded, n_powers - 1, n_intervals, basis.exponent
    n, cutoff = len(distance), ctypes.c_double(basis.cutoff)
    known = [address(table), order, address(whole(distance)), address(whole(weight))]
    function = library.radial_functions
    call(function, threads_for(n), n, *sizes, cutoff, *known, *map(address, tensors))
