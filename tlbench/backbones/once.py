"""Marks derivatives written by hand that cannot be differentiated again."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function


def once(backward: Callable[..., tuple[Any, ...]]) -> Callable[..., tuple[Any, ...]]:
    """Let the results of a Function's ``backward`` raise where they are differentiated.

    torch's ``once_differentiable`` raises only in ``Tensor.backward``: ``autograd.grad`` does not
    visit it on the way to its inputs, for which the results silently count as constants. This one
    knows what they depend on: on what is given and what was saved, which must be all inputs, or
    an output.
    """

    @wraps(backward)
    def refusing(ctx: Any, *given: Tensor | None) -> tuple[Any, ...]:
        with torch.no_grad():
            found = backward(ctx, *given)
        if not torch.is_grad_enabled():
            return found
        results: tuple[Any, ...] = _Once.apply(len(found), *found, *given, *ctx.saved_tensors)
        return results

    return refusing


class _Once(Function):
    @staticmethod
    def forward(ctx: Any, n_results: int, *tensors: Tensor | None) -> tuple[Tensor | None, ...]:
        return tuple(None if t is None else t.view_as(t) for t in tensors[:n_results])

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> None:
        raise RuntimeError("This derivative was written by hand, and cannot be differentiated.")
