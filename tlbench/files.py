"""Files that appear whole or not at all."""

import os
import uuid
from contextlib import suppress
from pathlib import Path

PART = ".part"
"""Ending of a file that is being written; one that a crash left behind may be deleted."""


def write_whole(path: Path, text: str) -> None:
    """Write ``text`` so that a crash, or another writer, leaves the old file or the new.

    Raises
    ------
    OSError
        If the file cannot be written; then the old one is untouched.
    """
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}{PART}")
    try:
        part.write_text(text, encoding="utf-8")
        flush(part)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def flush(path: Path) -> None:
    """Bring a file or folder to the disk, where the file system can do that."""
    descriptor = os.open(path, os.O_RDONLY)
    # Some file systems cannot flush a folder; a rename is atomic all the same.
    with suppress(OSError):
        os.fsync(descriptor)
    os.close(descriptor)
