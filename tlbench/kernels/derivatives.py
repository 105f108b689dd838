"""Derivatives written by hand: to be differentiated again, and given their purpose.

torch does not inform Functions with their own derivatives which of these are wanted. On an
accelerator it runs them in threads of its own, where context variables of the caller have no
value. So a Function takes down its scope in ``forward``, in the caller's thread, and asks that
object in ``backward``, in whatever thread.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, Literal

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


Purpose = Literal["everything", "coordinates", "parameters"]


class Scope:
    """What backward passes through the Functions of one computation are for at the moment.

    ``forces_alone`` says to Functions that are applied that the gradient by coordinates will be
    taken, and nothing else: they may keep less.
    """

    def __init__(self) -> None:
        self.purpose: Purpose = "everything"
        self.forces_alone = False

    @contextmanager
    def backward_for(self, purpose: Purpose) -> Iterator[None]:
        """Say what backward passes within are for.

        ``coordinates``
            The gradient of an energy by coordinates, which may later be differentiated once more:
            forces, also to train on. What depends on parameters alone is left out.
        ``parameters``
            The gradient by parameters; what depends on coordinates alone is left out.
        """
        before, self.purpose = self.purpose, purpose
        try:
            yield
        finally:
            self.purpose = before


_ACTIVE: ContextVar[Scope | None] = ContextVar("scope", default=None)


@contextmanager
def scoped(forces_alone: bool = False) -> Iterator[Scope]:
    """Give all Functions that are applied within one scope; within another, they get that one."""
    outer = _ACTIVE.get()
    scope = outer or Scope()
    token = _ACTIVE.set(scope)
    before, scope.forces_alone = scope.forces_alone, forces_alone
    try:
        yield scope
    finally:
        scope.forces_alone = before
        _ACTIVE.reset(token)


def current_scope() -> Scope:
    """Return the scope of a Function that is being applied: its backward passes are for this."""
    return _ACTIVE.get() or Scope()
