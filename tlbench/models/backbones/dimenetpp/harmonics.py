"""Real spherical harmonics of edge directions, by matrix products."""

import ctypes
import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.autograd import Function

from tlbench.kernels.derivatives import Scope, current_scope, once
from tlbench.kernels.library import MAX_ORDERS, address, call, library_for, threads_for

Polynomial = npt.NDArray[np.float64]
"""Coefficients of x^a y^b z^c at [a, b, c]."""


def solid_harmonics(order: int) -> list[Polynomial]:
    """Return the 2l + 1 real solid harmonics of degree l as homogeneous polynomials.

    In Racah's normalisation: Σ_m C_lm(a) C_lm(b) = P_l(a·b) for unit vectors a and b. The
    formula is that of Helgaker, Jørgensen & Olsen, Molecular Electronic-Structure Theory
    (2000), eq. 6.4.47, written with powers of x + iy.
    """
    harmonics = []
    for m in range(-order, order + 1):
        # Of x^a y^b, the part of (x + iy)^|m| that is real (m ≥ 0) or imaginary (m < 0).
        planar = np.zeros((order + 1,) * 3)
        for power in range(abs(m) + 1):
            if (power % 2 == 1) == (m < 0):
                sign = (-1) ** (power // 2)
                planar[abs(m) - power, power, 0] = sign * math.comb(abs(m), power)
        # times r^(l−|m|) d^|m| P_l(z/r) / d(z/r)^|m|, a polynomial in z and r² = x² + y² + z².
        total = np.zeros_like(planar)
        for k in range((order - abs(m)) // 2 + 1):
            rest = order - 2 * k
            legendre = (-1) ** k * math.comb(order, k) * math.comb(2 * rest + 2 * k, order)
            slope = math.factorial(rest) / math.factorial(rest - abs(m))
            term = np.roll(planar, rest - abs(m), axis=2)
            for _ in range(k):
                term = np.sum([np.roll(term, 2, axis=axis) for axis in range(3)], axis=0)
            total += legendre * slope / 2**order * term
        norm = math.factorial(order - abs(m)) / math.factorial(order + abs(m))
        harmonics.append(total * math.sqrt(norm * (1 if m == 0 else 2)))
    return harmonics


def _times(polynomial: Polynomial, axis: int) -> Polynomial:
    grown = np.zeros((polynomial.shape[0] + 1,) * 3)
    inside = [slice(0, -1)] * 3
    inside[axis] = slice(1, None)
    grown[tuple(inside)] = polynomial
    return grown


def _slope(polynomial: Polynomial, axis: int) -> Polynomial:
    size = polynomial.shape[0]
    shape = [1, 1, 1]
    shape[axis] = size
    powers = np.arange(size, dtype=np.float64).reshape(shape)
    lowered: Polynomial = np.roll(polynomial * powers, -1, axis=axis)
    return lowered[: size - 1, : size - 1, : size - 1]


def _solve(columns: list[Polynomial], wanted: list[Polynomial]) -> npt.NDArray[np.float64]:
    """Return the smallest matrix that makes the ``wanted`` polynomials of ``columns``."""
    left = np.stack([c.ravel() for c in columns], axis=1)
    right = np.stack([w.ravel() for w in wanted], axis=1)
    return np.asarray(np.linalg.lstsq(left, right, rcond=None)[0], dtype=np.float64)


@lru_cache
def ladder(n_orders: int) -> list[npt.NDArray[np.float64]]:
    """Return for l = 1, 2, … the matrix that makes C_l of the products r_α C_(l−1),m.

    Shape (3 (2l − 1), 2l + 1); the products have α as their slower index.
    """
    steps = []
    for order in range(1, n_orders):
        below = solid_harmonics(order - 1)
        products = [_times(p, axis) for axis in range(3) for p in below]
        steps.append(_solve(products, solid_harmonics(order)))
    return steps


@lru_cache
def slopes(n_orders: int) -> list[npt.NDArray[np.float64]]:
    """Return for l = 1, 2, … the matrix that makes the gradients of C_l of the C_(l−1).

    Shape (2l − 1, 3 (2l + 1)); the gradients have the direction as their slower index.
    """
    return [
        _solve(
            solid_harmonics(order - 1),
            [_slope(p, axis) for axis in range(3) for p in solid_harmonics(order)],
        )
        for order in range(1, n_orders)
    ]


class SphericalHarmonics(nn.Module):
    """C_lm of directions, for all l below ``n_orders``.

    Real and in Racah's normalisation: Σ_m C_lm(a) C_lm(b) = P_l(cos θ_ab).
    """

    steps: Tensor
    slopes: Tensor
    orders: Tensor

    def __init__(self, n_orders: int) -> None:
        super().__init__()
        self.n_orders = n_orders
        dtype = torch.get_default_dtype()

        def constant(name: str, values: npt.NDArray[np.float64]) -> None:
            tensor = torch.as_tensor(values, dtype=dtype).contiguous()
            self.register_buffer(name, tensor, persistent=False)

        # The matrices of all orders, one after the other, each with its results as rows.
        constant("steps", np.concatenate([m.T.ravel() for m in ladder(n_orders)]))
        constant("slopes", np.concatenate([m.T.ravel() for m in slopes(n_orders)]))
        orders = np.arange(n_orders)
        constant("orders", np.repeat(orders, 2 * orders + 1).astype(np.float64))

    def forward(self, vectors: Tensor, inverse: Tensor) -> Tensor:
        """Return the harmonics of vectors.

        Parameters
        ----------
        vectors
            (n, 3).
        inverse
            (n,): the reciprocal of each length, computed from the vectors where they may be
            differentiated twice; or 0 for vectors that have no direction: their harmonics are 0.

        Returns
        -------
        Tensor
            (n, n_orders²).

        Raises
        ------
        RuntimeError
            If an argument has not this shape, or another precision than the harmonics.
        """
        library = library_for(vectors, alongside=[inverse, self.steps, self.slopes])
        if library is not None:
            # The kernels read addresses; torch says what is wrong with shapes that do not match.
            n = len(vectors)
            fit = vectors.shape == (n, 3) and inverse.shape == (n,) and self.n_orders <= MAX_ORDERS
            library = library if fit else None
        # Here, and not in the Function, which would keep copies that nothing can be traced through.
        vectors, inverse = vectors.contiguous(), inverse.contiguous()
        found: Tensor = _Harmonics.apply(vectors, inverse, self, library)
        return found

    def evaluate(self, direction: Tensor, there: Tensor) -> Tensor:
        """Return the harmonics of unit vectors (3, n), where they are ``there`` (n,)."""
        rows = [there.unsqueeze(0)]
        for order, step in self._matrices(self.steps, lambda n: (2 * n + 1, 3 * (2 * n - 1))):
            products = (direction.unsqueeze(1) * rows[order - 1]).flatten(0, 1)
            rows.append(step @ products)
        return torch.cat(rows)

    def gradient(self, harmonics: Tensor) -> Tensor:
        """Return the gradients of the solid harmonics of unit vectors, (3, n_orders², n)."""
        rows = [torch.zeros_like(harmonics[:1]).expand(3, 1, -1)]
        for order, slope in self._matrices(self.slopes, lambda n: (3 * (2 * n + 1), 2 * n - 1)):
            below = harmonics[(order - 1) ** 2 : order**2]
            rows.append((slope @ below).view(3, 2 * order + 1, -1))
        return torch.cat(rows, dim=1)

    def adjoint(self, given: Tensor, vectors: Tensor, inverse: Tensor, harmonics: Tensor) -> Tensor:
        """Return the adjoint of vectors from that of their harmonics, ``given``, shape (n, 3)."""
        along = (given * harmonics) @ self.orders
        solid = (self.gradient(harmonics.t()) * given.t()).sum(dim=1)
        found = (solid - along * (vectors.t() * inverse)) * inverse
        return found.t()

    def _matrices(
        self, values: Tensor, shape: Callable[[int], tuple[int, int]]
    ) -> Iterator[tuple[int, Tensor]]:
        start = 0
        for order in range(1, self.n_orders):
            rows, columns = shape(order)
            yield order, values[start : start + rows * columns].view(rows, columns)
            start += rows * columns


class _Harmonics(Function):
    """Harmonics of vectors, whose gradients are made of the harmonics one order lower.

    With H_lm the solid harmonic and u the direction of a vector r,
    ∂C_lm/∂r = (∇H_lm(u) − l C_lm u) / |r|, where the second term is ∇H_lm along u (Euler).
    """

    @staticmethod
    def forward(
        ctx: Any,
        vectors: Tensor,
        inverse: Tensor,
        basis: SphericalHarmonics,
        library: ctypes.CDLL | None,
    ) -> Tensor:
        if library is None:
            there = (inverse > 0).to(vectors.dtype)
            found = basis.evaluate(vectors.t() * inverse, there).t().contiguous()
        else:
            found = vectors.new_empty((vectors.shape[0], basis.n_orders**2))
            _call(library.harmonics_forward, basis, basis.steps, vectors, inverse, found)
        ctx.save_for_backward(vectors, inverse, found)
        ctx.basis, ctx.library, ctx.scope = basis, library, current_scope()
        return found

    @staticmethod
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor, None, None, None]:
        known = ctx.saved_tensors
        given = given.contiguous()
        again = torch.is_grad_enabled() and ctx.scope.purpose != "coordinates"
        if ctx.library is None or again:
            of_vectors = ctx.basis.adjoint(given, *known)
        else:
            of_vectors = _Adjoint.apply(given, *known, ctx.basis, ctx.library, ctx.scope)
        # What depends on the inverse of the length counts as depending on the vectors.
        return of_vectors, None, None, None


class _Adjoint(Function):
    @staticmethod
    def forward(
        ctx: Any,
        given: Tensor,
        vectors: Tensor,
        inverse: Tensor,
        harmonics: Tensor,
        basis: SphericalHarmonics,
        library: ctypes.CDLL,
        scope: Scope,
    ) -> Tensor:
        found = torch.empty_like(vectors)
        known = basis.slopes, vectors, inverse, harmonics
        _call(library.harmonics_adjoint, basis, *known, given, found)
        ctx.save_for_backward(given, vectors, inverse, harmonics)
        ctx.basis, ctx.library, ctx.scope = basis, library, scope
        return found

    @staticmethod
    @once
    def backward(ctx: Any, change: Tensor) -> tuple[Any, ...]:
        given, *known = ctx.saved_tensors
        by_given = torch.empty_like(known[2])
        slopes = ctx.basis.slopes
        _call(
            ctx.library.harmonics_tangent, ctx.basis, slopes, *known, change.contiguous(), by_given
        )
        if ctx.scope.purpose == "parameters":
            return by_given, *[None] * 6
        with torch.enable_grad():
            inputs = [t.detach().requires_grad_(True) for t in known]
            adjoint = ctx.basis.adjoint(given.detach(), *inputs)
            return by_given, *torch.autograd.grad(adjoint, inputs, change.detach()), *[None] * 3


def _call(function: Any, basis: SphericalHarmonics, *tensors: Tensor) -> None:
    """Call a kernel with matrices, vectors, and whatever else it takes."""
    n = tensors[1].shape[0]
    call(function, threads_for(n), n, basis.n_orders, *map(address, tensors))
