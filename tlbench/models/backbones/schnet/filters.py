"""Continuous filters and their slopes, both functions of a distance alone."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn.functional import linear

from tlbench.kernels.derivatives import Scope, current_scope, once
from tlbench.models.backbones.activation import shifted_softplus

SMALLEST_EXPONENT = -80.0

Weights: TypeAlias = Sequence[Tensor]
"""Weight and bias of the first layer of a filter network, then of the second."""


@dataclass(frozen=True)
class FilterBasis:
    """What the filters of all interactions share, and its derivatives by the distance.

    ================  =======================  ================================
    attribute         shape                    meaning
    ================  =======================  ================================
    gaussians         (n_pairs, n_gaussians)   exp(c (d − centre)²)
    gaussian_slopes   (n_pairs, n_gaussians)   their derivatives, 1/Å
    envelope          (n_pairs, 1)             (cos(πd/r_c) + 1)/2
    envelope_slope    (n_pairs, 1)             its derivative, 1/Å
    ================  =======================  ================================
    """

    gaussians: Tensor
    gaussian_slopes: Tensor
    envelope: Tensor
    envelope_slope: Tensor

    @classmethod
    def at(
        cls, distance: Tensor, centres: Tensor, coefficient: float, cutoff: float
    ) -> "FilterBasis":
        """Return the basis at ``distance``, shape (n_pairs,), Å, at most ``cutoff``.

        ``centres`` (n_gaussians,), Å, and ``coefficient`` c, Å⁻², are those of the Gaussians.
        """
        offset = distance.unsqueeze(1) - centres
        # Results too small for normal numbers would take ten times as long, and add nothing.
        exponent = (coefficient * offset.square()).clamp(min=SMALLEST_EXPONENT)
        gaussians = exponent.exp()
        phase = (math.pi / cutoff * distance).unsqueeze(1)
        return cls(
            gaussians,
            2 * coefficient * offset * gaussians,
            0.5 * (torch.cos(phase) + 1),
            -0.5 * math.pi / cutoff * torch.sin(phase),
        )

    def filters(self, weights: Weights) -> Tensor:
        """Return the filters W(d) of a network, shape (n_pairs, n_filters)."""
        first, first_bias, second, second_bias = weights
        hidden = shifted_softplus(linear(self.gaussians, first, first_bias))
        return linear(hidden, second, second_bias) * self.envelope

    def filters_and_slopes(self, weights: Weights) -> tuple[Tensor, Tensor]:
        """Return W and dW/dd, both to be differentiated once by the parameters."""
        filters, slopes = _FiltersAndSlopes.apply(self, *weights)
        return filters, slopes

    def slopes(self, weights: Weights) -> Tensor:
        """Return dW/dd, to be differentiated as often as wanted, also by the distance."""
        first, first_bias, second, second_bias = weights
        inner = linear(self.gaussians, first, first_bias)
        hidden_slope = torch.sigmoid(inner) * linear(self.gaussian_slopes, first)
        values = linear(shifted_softplus(inner), second, second_bias)
        return linear(hidden_slope, second) * self.envelope + values * self.envelope_slope


class _FiltersAndSlopes(Function):
    """A network with one hidden layer H = f(A), and its slope A' along the distance.

    H' = σ(A) A' with f' = σ and f'' = σ (1 − σ).
    """

    @staticmethod
    def forward(ctx: Any, basis: FilterBasis, *weights: Tensor) -> tuple[Tensor, Tensor]:
        first, first_bias, second, second_bias = weights
        inner = linear(basis.gaussians, first, first_bias)
        slope = linear(basis.gaussian_slopes, first)
        hidden = shifted_softplus(inner)
        sigma = inner.sigmoid_()
        values = linear(hidden, second, second_bias)
        slopes = linear(sigma * slope, second).mul_(basis.envelope)
        slopes.addcmul_(values, basis.envelope_slope)
        ctx.save_for_backward(*weights, sigma, slope, hidden)
        ctx.basis = basis
        return values.mul_(basis.envelope), slopes

    @staticmethod
    @once
    def backward(ctx: Any, by_filters: Tensor, by_slopes: Tensor) -> tuple[Tensor | None, ...]:
        _, _, second, _, sigma, slope, hidden = ctx.saved_tensors
        basis = ctx.basis
        by_values = by_filters * basis.envelope
        by_values.addcmul_(by_slopes, basis.envelope_slope)
        by_slopes = by_slopes * basis.envelope
        bend = sigma * slope
        by_second = (by_values.t() @ hidden).addmm_(by_slopes.t(), bend)
        by_slope = (by_slopes @ second).mul_(sigma)
        by_inner = (by_values @ second).mul_(sigma)
        # σ (1 − σ) A' ∂H' = (A' − H') ∂A'.
        by_inner.addcmul_(slope - bend, by_slope)
        by_first = (by_inner.t() @ basis.gaussians).addmm_(by_slope.t(), basis.gaussian_slopes)
        return None, by_first, by_inner.sum(dim=0), by_second, by_values.sum(dim=0)


def with_slopes(
    distance: Tensor, filters: Tensor, slopes: Tensor, slopes_at: Callable[[Tensor], Tensor]
) -> Tensor:
    """Return ``filters`` as a function of ``distance`` whose derivative is ``slopes``.

    The filters depend on parameters, but are not themselves tracked as depending on the
    distance. So a loss on forces needs only a first derivative of the filter networks.

    Parameters
    ----------
    slopes_at
        Returns the slopes at a distance; called only for second derivatives by distance.
    """
    found: Tensor = _WithSlopes.apply(distance, filters, slopes, slopes_at)
    return found


class _WithSlopes(Function):
    @staticmethod
    def forward(
        ctx: Any,
        distance: Tensor,
        filters: Tensor,
        slopes: Tensor,
        slopes_at: Callable[[Tensor], Tensor],
    ) -> Tensor:
        ctx.save_for_backward(distance, slopes)
        ctx.slopes_at, ctx.scope = slopes_at, current_scope()
        return filters.view_as(filters)

    @staticmethod
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor | None, Tensor, None, None]:
        purpose = ctx.scope.purpose
        if purpose == "parameters":
            return None, given, None, None
        distance, slopes = ctx.saved_tensors
        if torch.is_grad_enabled():
            if purpose == "everything":
                slopes = ctx.slopes_at(distance)
            else:
                slopes = _Slopes.apply(distance, slopes, ctx.slopes_at, ctx.scope)
        return (given * slopes).sum(dim=1), given, None, None


class _Slopes(Function):
    """Slopes, and their derivative by the distance if it is wanted after all."""

    @staticmethod
    def forward(
        ctx: Any,
        distance: Tensor,
        slopes: Tensor,
        slopes_at: Callable[[Tensor], Tensor],
        scope: Scope,
    ) -> Tensor:
        ctx.save_for_backward(distance, slopes)
        ctx.slopes_at, ctx.scope = slopes_at, scope
        return slopes.view_as(slopes)

    @staticmethod
    @once
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor | None, Tensor, None, None]:
        if ctx.scope.purpose == "parameters":
            return None, given, None, None
        distance, _ = ctx.saved_tensors
        with torch.enable_grad():
            distance = distance.detach().requires_grad_(True)
            slopes = ctx.slopes_at(distance)
            (of_distance,) = torch.autograd.grad(slopes, distance, given.detach())
        return of_distance, given, None, None
