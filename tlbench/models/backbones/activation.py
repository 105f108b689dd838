"""The activation x σ(x), with derivatives written by hand."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from tlbench.kernels.derivatives import once

LN_2 = math.log(2.0)


def silu(x: Tensor) -> Tensor:
    """Return x σ(x); equal to ``torch.nn.functional.silu``, but faster to differentiate twice."""
    found: Tensor = _Silu.apply(x)
    return found


class _Silu(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.nn.functional.silu(x)

    @staticmethod
    def backward(ctx: Any, given: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        if not torch.is_grad_enabled():
            slope: Tensor = torch.ops.aten.silu_backward(given, x)
            return slope
        found: Tensor = _SiluSlope.apply(given, x)
        return found


class _SiluSlope(Function):
    """g f'(x) with f = x σ, f' = σ + f (1 − σ), and f'' = (1 − σ)(2 f' − f)."""

    @staticmethod
    def forward(ctx: Any, given: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(given, x)
        found: Tensor = torch.ops.aten.silu_backward(given, x)
        return found

    @staticmethod
    @once
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor, Tensor]:
        given, x = ctx.saved_tensors
        sigma = torch.sigmoid(x)
        value = x * sigma
        rest = 1 - sigma
        slope = torch.addcmul(sigma, value, rest)
        first = outer * slope
        bend = slope.mul_(2).sub_(value).mul_(rest)
        return first, bend.mul_(outer).mul_(given)


def shifted_softplus(x: Tensor) -> Tensor:
    """Return ln(1 + eˣ) − ln 2, which is faster to differentiate twice than torch's softplus."""
    found: Tensor = _ShiftedSoftplus.apply(x)
    return found


class _ShiftedSoftplus(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.nn.functional.softplus(x).sub_(LN_2)

    @staticmethod
    def backward(ctx: Any, given: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return given * torch.sigmoid(x)
