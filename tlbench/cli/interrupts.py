"""Ctrl-C that waits for a good moment."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def between_steps() -> Iterator[Callable[[], bool]]:
    """Hold the first Ctrl-C back; yield a function that says whether there was one.

    A second one interrupts at once.
    """
    before = signal.getsignal(signal.SIGINT)
    asked = False

    def hold(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    signal.signal(signal.SIGINT, hold)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)
