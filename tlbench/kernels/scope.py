"""What a backward pass is for, which spares derivatives that nobody asked for.

torch does not tell Functions with derivatives of their own which of them are wanted. On an
accelerator it runs them in threads of its own, where context variables of the caller have no
value. So a Function takes down its scope in ``forward``, in the caller's thread, and asks that
object in ``backward``, in whatever thread.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

Purpose = Literal["everything", "coordinates", "parameters"]


class Scope:
    """What backward passes through the Functions of one computation are for at the moment."""

    def __init__(self) -> None:
        self.purpose: Purpose = "everything"

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
def scoped() -> Iterator[Scope]:
    """Give all Functions that are applied within one scope; within another, they get that one."""
    outer = _ACTIVE.get()
    scope = outer or Scope()
    token = _ACTIVE.set(scope)
    try:
        yield scope
    finally:
        _ACTIVE.reset(token)


def current_scope() -> Scope:
    """Return the scope of a Function that is being applied: its backward passes are for this."""
    return _ACTIVE.get() or Scope()
