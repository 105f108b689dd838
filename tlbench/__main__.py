"""``python -m tlbench`` and the command ``tlbench``; interrupted at any moment, it ends quietly.

Modules are imported for half a second before a verb begins, and it imports its own. An exception
that is raised there may be swallowed, or turned into another, by the module that is imported.
"""

import os
import signal
from types import FrameType

INTERRUPTED = 130
"""Exit code of a command that Ctrl-C has ended."""

_IMPORT = "<frozen importlib._bootstrap>"


def main() -> None:
    """Run the command line."""
    # A process in the background of a script ignores interrupts, and so do we then.
    heeded = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heeded:
        signal.signal(signal.SIGINT, _interrupt)
    try:
        from tlbench.cli import main as run

        run()
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    finally:
        if heeded:
            signal.signal(signal.SIGINT, _leave)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Leave at once where nothing is half done, in an import; else raise what Python does."""
    while frame is not None:
        if frame.f_code.co_filename == _IMPORT:
            _leave(number, None)
        frame = frame.f_back
    raise KeyboardInterrupt


def _leave(number: int, frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
