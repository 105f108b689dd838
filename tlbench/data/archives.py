"""Members of archives (.tar, .tar.gz, .zip), which may come from strangers.

Nothing is written under a name that an archive chooses alone: a member is looked up by its name and
its bytes are written where the caller says. Links and devices are not unpacked, names that lead out
of the archive are refused, and so is what unpacks to much more than the archive has bytes.
"""

import errno
import gzip
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from stat import S_ISLNK, S_ISREG
from typing import IO, Any, BinaryIO, cast

from tlbench.base.errors import InputError
from tlbench.base.registry import near_names

MOST_MEMBERS = 100_000
MOST_NAMES = 5
"""Members that a message names."""

LARGEST_RATIO = 100
"""Bytes unpacked over bytes packed. Numbers written as text are packed to a fifth to a tenth."""

SMALL = 1 << 26
"""Bytes that may be unpacked from any archive, whatever its size."""

LONGEST_HEADER = 1 << 20
"""Bytes of an extended header of tar (long names, attributes), which are read at once."""

EXTENSIONS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
"""Headers of tar that extend others."""

UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS)
"""Errors of the place that members are written to, which is not the archive's fault."""

_CHUNK = 1 << 20

Member = tuple[str, Callable[[], IO[bytes] | None]]
"""Name of a member, and what opens it; that returns None for a link or a device."""


def is_archive(path: Path) -> bool:
    """Return whether a file is a tar archive, compressed by gzip or not, or a zip archive."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
        if start == b"PK\x03\x04":
            return True
        with _unpacked(path) as stream:
            return len(block := stream.read(512)) == 512 and _is_header(block)
    except (OSError, EOFError, zlib.error):
        return False


def names(path: Path) -> list[str]:
    """Return the names of all members that are files, in the order of the archive.

    Raises
    ------
    InputError
        If the archive is damaged or hostile.
    """
    with _faults(path):
        return [name for name, opened in _members(path) if opened() is not None]


def unpack(path: Path, member: str, target: Path, limit: int | None = None) -> None:
    """Write a member, or a folder of members, to ``target``.

    Parameters
    ----------
    member
        Name of a file in the archive, or of a folder, of which all files are written below
        ``target``; the whole archive if it is empty or ".".
    limit
        Bytes that are written at most; None: a multiple of the archive's size.

    Raises
    ------
    InputError
        If there is no such member, it is larger, or the archive is damaged or hostile.
    OSError
        If nothing can be written there.
    """
    wanted = "" if member == "." else member.strip("/")
    inside = f"{wanted}/" if wanted else ""
    left = _most(path) if limit is None else limit
    seen: list[str] = []
    found = False
    with _faults(path):
        for name, opened in _members(path):
            seen.append(name)
            if name != wanted and not name.startswith(inside):
                continue
            stream = opened()
            if stream is None:
                if name != wanted:
                    continue
                raise InputError(f"{path}: its member {name!r} is a link or a device, not a file.")
            found = True
            place = target if name == wanted else target / name.removeprefix(inside)
            place.parent.mkdir(parents=True, exist_ok=True)
            with stream, place.open("wb") as file:
                while chunk := stream.read(_CHUNK):
                    left -= len(chunk)
                    if left < 0:
                        raise InputError(
                            f"{path}: {member or 'its content'} unpacks to more than the "
                            f"{limit or _most(path):,} bytes that it may have."
                        )
                    file.write(chunk)
            if name == wanted:
                return
    if not found:
        held = [name for name in seen if name.startswith(inside)]
        if held or not wanted:
            kind = f", but only links or devices, as {held[0]!r}" if held else ""
            raise InputError(f"{path}: {wanted or 'it'} holds no file{kind}.")
        hint = near_names(member, seen)
        if not hint.startswith("did you"):
            more = f" and {len(seen) - MOST_NAMES} more" if len(seen) > MOST_NAMES else ""
            hint = f"it has: {', '.join(seen[:MOST_NAMES]) or 'none'}{more}."
        raise InputError(f"{path}: has no member {member!r}; {hint}")


def _most(path: Path) -> int:
    return max(SMALL, LARGEST_RATIO * path.stat().st_size)


def _members(path: Path) -> Iterator[Member]:
    with path.open("rb") as file:
        is_zip = file.read(4) == b"PK\x03\x04"
    for number, (name, opened) in enumerate(_of_zip(path) if is_zip else _of_tar(path)):
        if number >= MOST_MEMBERS:
            raise InputError(f"{path}: has more than {MOST_MEMBERS:,} members.")
        plain = PurePosixPath(name)
        if plain.is_absolute() or ".." in plain.parts or "\\" in name or "\0" in name:
            raise InputError(f"{path}: has a member {name!r}, whose name leads out of the archive.")
        yield str(plain), opened


def _of_zip(path: Path) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            if info.flag_bits & 1:
                raise InputError(f"{path}: its member {info.filename!r} is encrypted.")
            mode = info.external_attr >> 16
            special = S_ISLNK(mode) or (mode > 0o7777 and not S_ISREG(mode))
            yield info.filename, partial(_opened, None if special else archive.open, info)


class _Header(tarfile.TarInfo):
    """A header of tar whose extensions are bounded, since they are read at once."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_Header":
        found = super().frombuf(buf, encoding, errors)
        if found.type in EXTENSIONS and found.size > LONGEST_HEADER:
            raise InputError(f"has a header of {found.size:,} bytes.")
        return found


class _Bounded:
    """A stream that ends in an error once more bytes are read than it may have."""

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        self._stream, self._left = stream, limit

    def read(self, size: int) -> bytes:
        chunk = self._stream.read(size)
        self._left -= len(chunk)
        if self._left < 0:
            raise InputError(f"unpacks to more than {LARGEST_RATIO} times its size.")
        return chunk


def _of_tar(path: Path) -> Iterator[Member]:
    with _unpacked(path) as stream:
        bounded = cast(BinaryIO, _Bounded(stream, _most(path)))
        with tarfile.open(fileobj=bounded, mode="r|", tarinfo=_Header) as archive:
            for info in archive:
                if not info.isdir():
                    regular = archive.extractfile if info.isreg() else None
                    yield info.name, partial(_opened, regular, info)


def _opened(opens: Callable[[Any], IO[bytes] | None] | None, info: Any) -> IO[bytes] | None:
    return None if opens is None else opens(info)


def _unpacked(path: Path) -> Any:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path) if packed else path.open("rb")


def _is_header(block: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


@contextmanager
def _faults(path: Path) -> Iterator[None]:
    """Turn what goes wrong with an archive into a sentence."""
    try:
        yield
    except InputError as error:
        said = str(error)
        raise InputError(said if said.startswith(str(path)) else f"{path}: {said}") from error
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, OSError) as error:
        if isinstance(error, OSError) and error.errno in UNWRITABLE:
            raise
        raise InputError(
            f"{path}: cannot be unpacked ({error}); fetch or copy the archive again."
        ) from error
    except (NotImplementedError, ValueError, RuntimeError) as error:
        raise InputError(f"{path}: is packed in a way that is not supported ({error}).") from error
