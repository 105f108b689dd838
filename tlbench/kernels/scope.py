"""What a backward pass is for, which spares derivatives that nobody asked for.

Functions with derivatives of their own are not told by torch which of them are wanted.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

Scope = Literal["everything", "coordinates", "parameters"]

_SCOPE: ContextVar[Scope] = ContextVar("scope", default="everything")


@contextmanager
def backward_for(scope: Scope) -> Iterator[None]:
    """Say what backward passes within are for.

    ``coordinates``
        The gradient of an energy by coordinates, which may later be differentiated once more:
        forces, also to train on. What depends on parameters alone is left out.
    ``parameters``
        The gradient by parameters; what depends on coordinates alone is left out.
    """
    token = _SCOPE.set(scope)
    try:
        yield
    finally:
        _SCOPE.reset(token)


def scope() -> Scope:
    """Return what the backward pass in progress is for."""
    return _SCOPE.get()
