"""Errors that a user can act on: what was wrong, where, and what to do."""

from pathlib import Path


class TlbenchError(Exception):
    """Base of every error that tlbench raises on purpose.

    Its message is one sentence for the user. The command line prints it without a
    traceback and exits with code 2.
    """


class UnknownNameError(TlbenchError):
    """A backbone, strategy, metric, suite or data set of this name does not exist."""


class InputError(TlbenchError):
    """A file, an option or a value from the user is not what it should be."""


class StoreError(TlbenchError):
    """The store cannot be read or written, or belongs to another version."""


class DamagedJobError(StoreError):
    """A finished job's folder does not match its manifest."""


class LockedError(TlbenchError):
    """Another process holds a lock.

    Attributes
    ----------
    by
        Who that is, and since when.
    """

    def __init__(self, path: Path, by: str) -> None:
        super().__init__(f"{path} is held by {by}; wait until that has ended.")
        self.by = by


class DivergedError(TlbenchError):
    """Training ran away to infinite numbers, and would again."""


class NotFiniteError(TlbenchError):
    """A potential gives an energy or forces that are not finite."""


def printable(text: str) -> str:
    """Return ``text`` with a mark for what a terminal obeys or XML cannot hold."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
