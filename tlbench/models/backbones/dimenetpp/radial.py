"""Radial functions of DimeNet: spherical Bessel functions under a smooth envelope."""

import math
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

    Parameters
    ----------
    n_spherical, n_radial
        Number of orders l, and of radial functions for each.
    cutoff
        Å.
    exponent
        p of the envelope.
    """

    def __init__(self, n_spherical: int, n_radial: int, cutoff: float, exponent: int) -> None:
        super().__init__()
        self.cutoff, self.exponent = cutoff, exponent
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
        self._series = torch.as_tensor(np.stack(rows))

    def forward(self, distance: Tensor) -> Tensor:
        """Return functions and envelope at (n,) distances, shape (n, n_spherical·n_radial + 1)."""
        found: Tensor = _Radial.apply(distance, self, 0)
        return found

    def derivative(self, distance: Tensor, order: int) -> Tensor:
        """Return their derivative of order 0, 1 or 2 by the distance."""
        x = (distance.to(torch.float64) / self.cutoff).clamp(max=1.0)
        polynomials = _chebyshev_polynomials(x, self._series.shape[2]).to(distance.dtype)
        envelope = self._envelope(x, order)
        series = self._series.to(distance.device, distance.dtype)
        found = envelope[order].to(distance.dtype) * (series[0] @ polynomials)
        for k in range(order):  # Leibniz' rule
            factor = (math.comb(order, k) * envelope[k]).to(distance.dtype)
            found = torch.addcmul(found, factor, series[order - k] @ polynomials)
        return (found / self.cutoff**order).t().contiguous()

    def _envelope(self, x: Tensor, order: int) -> list[Tensor]:
        """Return u(x)/x of the paper and its derivatives up to ``order``, zero from x = 1 on."""
        p = self.exponent
        inside = (x < 1).to(x.dtype)
        powers = [(-1, 1.0), (p - 1, -(p + 1) * (p + 2) / 2), (p, p * (p + 2.0))]
        powers.append((p + 1, -p * (p + 1) / 2))
        found = []
        for _ in range(order + 1):
            found.append(inside * sum(factor * x**power for power, factor in powers))
            powers = [(power - 1, factor * power) for power, factor in powers]
        return found


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


class _Radial(Function):
    """A derivative of the radial functions; its own derivative is the next."""

    @staticmethod
    def forward(ctx: Any, distance: Tensor, basis: RadialFunctions, order: int) -> Tensor:
        if order > 2:
            raise NotImplementedError("third derivatives of radial functions")
        ctx.save_for_backward(distance)
        ctx.basis, ctx.order = basis, order
        return basis.derivative(distance, order)

    @staticmethod
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor, None, None]:
        (distance,) = ctx.saved_tensors
        slope = _Radial.apply(distance, ctx.basis, ctx.order + 1)
        return (given * slope).sum(dim=1), None, None
