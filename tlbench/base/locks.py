"""Locks between processes, also on file systems that have none of their own.

A lock is a file that one process at a time holds, in one of two ways:

flock
    The lock of the operating system. It ends with its holder, however that dies. The holder
    describes itself in the file, so that others see who it is without touching the lock.
marker
    A file that exists as long as the lock is held, and describes its holder. It is taken over if
    the holder has died, which can only be known on the machine on which that ran.

A marker is taken over by the process that first creates a second one, named after the token of the
holder that died, and renames it onto the first. The second marker is a lock like the first: a
process that dies between the two steps leaves it behind, and it is taken over in the same way.
"""

import errno
import fcntl
import logging
import os
import time
from contextlib import suppress
from enum import Enum
from pathlib import Path
from types import TracebackType

from tlbench.base.errors import LockedError, StoreError
from tlbench.base.files import make_once
from tlbench.base.holders import Holder, read_holder, this_process, written

UNSUPPORTED = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EPERM})
"""What flock answers where a file system has no locks."""

_TICK_SECONDS = 0.02
_PATIENCE_SECONDS = 0.2
"""How long a lock of unknown holder is tried: it may be held by a look at it, or just be freed."""
_QUIET_SECONDS = 1.0

_log = logging.getLogger(__name__)


class Way(Enum):
    """How a lock is held."""

    FLOCK = "flock"
    MARKER = "marker"


class Lock:
    """A lock that is held while its context is entered.

    Parameters
    ----------
    path
        Its file, which stays; a marker lies beside it and ends in ``.marker``.
    way
        How it is held, the same for all who use it. None: by flock where that is supported.
    wait
        Wait until it is free, and log for whom; otherwise raise.

    Raises
    ------
    LockedError
        On entering, if another process holds it and ``wait`` is False.
    StoreError
        On entering, if the file system does not support ``way``.
    OSError
        On entering, if its file cannot be written.
    """

    def __init__(self, path: Path, way: Way | None = None, wait: bool = True) -> None:
        self._path, self._marker = path, path.with_suffix(".marker")
        self._way, self._wait = way, wait
        self._descriptor: int | None = None
        self._mine: Holder | None = None

    def holder(self) -> Holder | None:
        """Return the process that holds it, as far as that can be known; None if none does.

        The lock is not taken to find out, except for an instant if the last known holder was on
        another machine, of which only flock knows whether it is alive.
        """
        if self._way is not Way.FLOCK:
            found = read_holder(self._marker)
            if found is not None and not found.gone:
                return found
        if self._way is not Way.MARKER:
            found = read_holder(self._path)
            if found is not None and not found.gone and (found.here or not self._is_free()):
                return found
        return None

    def explain(self, holder: Holder | None) -> str:
        """Return who holds the lock, in words that follow "held by"."""
        said = "another process" if holder is None else str(holder)
        if self._way is Way.MARKER and not (holder and holder.here):
            # Only a person can know whether a process on another machine has ended.
            return f"{said} (if that has ended, delete {self._marker})"
        return said

    def __enter__(self) -> "Lock":
        started, said = time.monotonic(), ""
        while not self._take():
            waited, holder = time.monotonic() - started, self.holder()
            by = self.explain(holder)
            if not self._wait and (waited >= _PATIENCE_SECONDS or (holder and holder.here)):
                raise LockedError(self._path, by)
            # Who it was may be gone by now, which is not another process.
            if waited >= _QUIET_SECONDS and said != by and (holder or not said):
                _log.warning("Waiting for %s, which is held by %s.", self._path, by)
                said = by
            time.sleep(_TICK_SECONDS)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def release(self) -> None:
        """Free the lock, if it is held."""
        descriptor, self._descriptor = self._descriptor, None
        mine, self._mine = self._mine, None
        if descriptor is not None:
            with suppress(OSError):
                os.ftruncate(descriptor, 0)
            os.close(descriptor)
        if mine is not None and read_holder(self._marker) == mine:
            self._marker.unlink(missing_ok=True)

    def remove(self) -> None:
        """Delete the files of a lock that will not be taken again."""
        self._path.unlink(missing_ok=True)
        self._marker.unlink(missing_ok=True)

    def _take(self) -> bool:
        if self._way is not Way.MARKER:
            try:
                return self._flock()
            except OSError as error:
                if error.errno not in UNSUPPORTED:
                    raise
                if self._way is Way.FLOCK:
                    raise StoreError(
                        f"{self._path} cannot be locked ({error.strerror}), although locks worked "
                        "when the store was made; while nothing uses the store, delete the entry "
                        '"locks" in its store.json, and they are tried again.'
                    ) from error
                self._way = Way.MARKER
        mine = this_process()
        if not _mark(self._marker, mine):
            return False
        self._mine = mine
        return True

    def _flock(self) -> bool:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if error.errno in (errno.EAGAIN, errno.EACCES):
                return False
            raise
        self._descriptor = descriptor
        # On a full disk the lock is held all the same; only by whom cannot be seen.
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, written(this_process()), 0)
        return True

    def _is_free(self) -> bool:
        try:
            descriptor = os.open(self._path, os.O_RDONLY)
        except OSError:
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return False
        finally:
            os.close(descriptor)
        return True


def _mark(path: Path, mine: Holder) -> bool:
    """Create the marker ``path``, or take it over from a holder that is gone; say whether."""
    if make_once(path, written(mine)):
        return True
    found = read_holder(path)
    # A server may have made it and answered too late, so that the request was repeated.
    if found is None or found == mine or not found.gone:
        return found == mine
    claim = path.with_name(f"{path.name}.{found.token}")
    if not _mark(claim, mine):
        return False
    # Another may have taken it over, and left it, before this process made its claim.
    if read_holder(path) != found:
        claim.unlink()
        return False
    claim.replace(path)
    return True
