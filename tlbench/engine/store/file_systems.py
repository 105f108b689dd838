"""Which locks the file system of a store has, found out once and recorded in the store."""

import errno
import fcntl
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterable
from enum import Enum
from pathlib import Path

from tlbench.base.errors import StoreError
from tlbench.base.locks import Way

_MOUNTS = Path("/proc/self/mountinfo")
_NOT_WRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})
"""What a failing hard link answers that has nothing to do with hard links."""

_TAKEN, _REFUSED = 10, 11
_TRY = f"""
import fcntl, sys
try:
    fcntl.flock(open(sys.argv[1], "r+"), fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    sys.exit({_REFUSED})
sys.exit({_TAKEN})
"""


class Locks(Enum):
    """How the jobs of a store are locked; the value is what ``store.json`` says."""

    FLOCK = "flock"
    LOCAL = "flock, of each machine alone"
    MARKERS = "markers"

    @property
    def way(self) -> Way:
        """How a single lock is held."""
        return Way.MARKER if self is Locks.MARKERS else Way.FLOCK


def limitation(locks: Locks, root: Path) -> str | None:
    """Return a sentence on what the store ``root`` does not support; None if it supports all."""
    if locks is Locks.LOCAL:
        return (
            f"Locks in the store {root} are local to each machine, as its file system is mounted: "
            'several machines must not use this store at the same time, unless "locks" in its '
            f'store.json is changed to "{Locks.MARKERS.value}" first.'
        )
    if locks is Locks.MARKERS:
        return (
            f"The file system of the store {root} has no locks; marker files take their place, "
            "and those of a machine that dies have to be deleted by hand."
        )
    return None


def find_locks(folder: Path) -> Locks:
    """Find out how files in ``folder`` can be locked, by trying to with two processes.

    Raises
    ------
    StoreError
        If they cannot be.
    OSError
        If the folder cannot be written.
    """
    probe = folder / f".probe-{uuid.uuid4().hex}"
    link = probe.with_suffix(".link")
    try:
        probe.touch(exist_ok=False)
        if _excludes(probe):
            return Locks.LOCAL if _is_local(folder) else Locks.FLOCK
        _check_links(probe, link)
    finally:
        link.unlink(missing_ok=True)
        probe.unlink(missing_ok=True)
    return Locks.MARKERS


def _check_links(path: Path, link: Path) -> None:
    """Refuse a file system without hard links, which markers need to appear whole."""
    try:
        os.link(path, link)
    except OSError as error:
        if error.errno in _NOT_WRITABLE:
            raise
        raise StoreError(
            f"The file system of {path.parent} has neither locks nor hard links "
            f"({error.strerror}), so jobs cannot be locked there; choose another store with "
            "--store or TLBENCH_STORE."
        ) from error


def _excludes(path: Path) -> bool:
    """Return whether another process is refused the lock that this one holds."""
    with path.open("r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            # No other process knows this file, so whatever the reason, files cannot be locked here.
            return False
        # Without site-packages and settings of the user, it is there in some 10 ms.
        command = [sys.executable, "-I", "-S", "-c", _TRY, str(path)]
        tried = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    if tried.returncode not in (_TAKEN, _REFUSED):
        last = (tried.stderr.strip().splitlines() or [f"exit code {tried.returncode}"])[-1]
        raise StoreError(
            f"Whether locks work in {path.parent} cannot be found out ({last}); choose another "
            "store with --store or TLBENCH_STORE."
        )
    return tried.returncode == _REFUSED


def _is_local(folder: Path) -> bool:
    """Return whether the file system is shared by machines that do not see each other's locks."""
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return False
    kind, options = mount_of(Path(os.path.realpath(folder)), lines)
    if kind in ("nfs", "nfs4"):
        return not options.isdisjoint({"nolock", "local_lock=flock", "local_lock=all"})
    return kind == "lustre" and "localflock" in options


def mount_of(folder: Path, lines: Iterable[str]) -> tuple[str, frozenset[str]]:
    """Return the type and the mount options of the file system of ``folder``.

    Parameters
    ----------
    folder
        Without symbolic links.
    lines
        As in ``/proc/self/mountinfo``; the last of equally long mount points hides the others.
    """
    found: tuple[int, str, frozenset[str]] = 0, "", frozenset()
    for line in lines:
        left, right = (part.split(" ") for part in line.partition(" - ")[::2])
        if len(left) < 6 or len(right) < 3:
            continue
        point = Path(_unescaped(left[4]))
        if folder.is_relative_to(point) and len(point.parts) >= found[0]:
            options = frozenset(f"{left[5]},{right[2]}".split(","))
            found = len(point.parts), right[0], options
    return found[1], found[2]


def _unescaped(text: str) -> str:
    """Return a path of mountinfo with its blanks and backslashes, which are octal codes there."""
    return re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), text)
