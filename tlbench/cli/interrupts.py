"""Ctrl-C that waits for a good moment."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from tlbench.cli.live import Display, LiveDisplay


@contextmanager
def ends_quietly(
    display: "LiveDisplay",
    kept: str = "Finished jobs are kept; the same command continues from here.",
) -> Iterator[None]:
    """Say that something was interrupted and what is kept of it, and end with exit code 130."""
    try:
        yield
    except KeyboardInterrupt:
        display.say(f"Interrupted. {kept}")
        raise typer.Exit(130) from None


@contextmanager
def signals_stop(display: "Display") -> Iterator[None]:
    """Let signals stop the run at its next update, where nothing is half done.

    These are SIGINT, SIGTERM, and the SIGHUP of a terminal that goes away, unless nohup has it
    ignored. Before the first update, and at a second signal, they stop it at once.
    """

    def note(number: int, frame: FrameType | None) -> None:
        if not display.started:
            raise KeyboardInterrupt
        display.interrupted = True
        signal.signal(number, signal.default_int_handler)

    stopping = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        stopping.append(signal.SIGHUP)
    before = {number: signal.signal(number, note) for number in stopping}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
