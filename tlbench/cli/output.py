"""Files that a verb writes where the user says."""

from collections.abc import Callable
from pathlib import Path


def write_output(path: Path | None, text: Callable[[], str]) -> None:
    """Write ``text()`` to ``path``, if there is one.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    from tlbench.base.errors import InputError
    from tlbench.base.files import write_whole

    if path is None:
        return
    try:
        write_whole(path, text())
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror}); choose another file."
        ) from error
