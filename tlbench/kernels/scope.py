"""Which derivatives a backward pass is for."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_BY_COORDINATES = ContextVar("by_coordinates", default=False)


@contextmanager
def by_coordinates() -> Iterator[None]:
    """Say that backward passes within are for the gradient of an energy by coordinates.

    What comes out may later be differentiated by parameters, not by coordinates again. Forces
    need no more, even to train on them, and second derivatives of the geometry are costly.
    """
    token = _BY_COORDINATES.set(True)
    try:
        yield
    finally:
        _BY_COORDINATES.reset(token)


def only_by_coordinates() -> bool:
    """Tell whether the backward pass in progress is within ``by_coordinates``."""
    return _BY_COORDINATES.get()
