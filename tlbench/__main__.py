"""``python -m tlbench`` and the command ``tlbench``; interrupted at any moment, it ends quietly.

Modules are imported for half a second before a verb begins, and it imports its own. An exception
that is raised there may be swallowed, or turned into another, by the module that is imported.

The reader of the output may close it, as ``head -1`` does: a verb goes on to its end, and its exit
code is that of its work. Output that was closed before it began is dropped, too, as git does.
"""

import errno
import io
import os
import signal
import sys
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
    _outlive_readers()
    # Matrices of numpy and scipy are small here: several threads would only wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        from tlbench.cli import main as run

        run()
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    finally:
        if heeded:
            signal.signal(signal.SIGINT, _leave)


class _Unread(io.TextIOWrapper):
    """A standard stream that drops what is written after its reader has gone.

    An interrupt may come between any two steps of Python code. So bytes are written and taken from
    the buffer without any in between: else they could be written twice.
    """

    def write(self, text: str, /) -> int:
        """Write ``text``, or drop it."""
        try:
            return super().write(text)
        except OSError as error:
            self._drop(error)
            return len(text)

    def flush(self) -> None:
        """Write what is in the buffer, or drop it."""
        try:
            super().flush()
        except OSError as error:
            self._drop(error)

    def _drop(self, error: OSError) -> None:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, self.fileno())
        os.close(nothing)
        # EIO: the terminal was closed.
        if error.errno not in (errno.EPIPE, errno.EIO):
            raise error


def _outlive_readers() -> None:
    """Make a verb independent of who reads what it prints."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # Else the next file that is opened would get this number, and what is printed.
            os.open(os.devnull, os.O_RDWR)
    for name, number in (("stdout", 1), ("stderr", 2)):
        before = getattr(sys, name)
        text = _Unread(
            io.BufferedWriter(io.FileIO(number, "w", closefd=False)),
            encoding=before.encoding if before else "utf-8",
            errors="replace",
            line_buffering=number == 2 or os.isatty(number),
        )
        setattr(sys, name, text)


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
