"""Files and folders that cannot be written, said in a sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tlbench.base.errors import InputError


@contextmanager
def writing(path: Path, remedy: str = "") -> Iterator[None]:
    """Turn a failure of what is done inside into a sentence on the path that is written.

    Parameters
    ----------
    remedy
        What the user can do about it, as "choose another folder with --out".

    Raises
    ------
    InputError
        If an OSError is raised inside.
    """
    try:
        yield
    except OSError as error:
        why = f"({error.strerror or error})"
        end = f"; {remedy}." if remedy else "."
        raise InputError(f"{path}: cannot be written {why}{end}") from error
