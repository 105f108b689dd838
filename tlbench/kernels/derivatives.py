"""Derivatives written by hand, where they are to be differentiated again."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function


def differentiate(
    twin: Callable[..., Tensor | tuple[Tensor, ...]],
    inputs: Sequence[Tensor | None],
    *given: Tensor,
) -> list[Tensor | None]:
    """Return adjoints of the inputs that need one, from plain torch, to be differentiated again.

    What the kernels' own adjoints do not serve: derivatives of every order by every input.
    ``given`` are the adjoints of the twin's results.
    """
    # An input may depend on another; the adjoint of one must not pass through the other.
    inputs = [None if t is None else t.view_as(t) for t in inputs]
    wanted = [t for t in inputs if t is not None and t.requires_grad]
    results = twin(*inputs)
    found = iter(torch.autograd.grad(results, wanted, given, create_graph=True, allow_unused=True))
    return [next(found) if t is not None and t.requires_grad else None for t in inputs]


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
        function: Any = _Once
        results: tuple[Any, ...] = function.apply(len(found), *found, *given, *ctx.saved_tensors)
        return results

    return refusing


class _Once(Function):
    @staticmethod
    def forward(ctx: Any, n_results: int, *tensors: Tensor | None) -> tuple[Tensor | None, ...]:
        return tuple(None if t is None else t.view_as(t) for t in tensors[:n_results])

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> None:
        raise RuntimeError("This derivative was written by hand, and cannot be differentiated.")
