"""Tar archives of plain files, written reproducibly and read as what a stranger wrote.

The format is ustar, so any ``tar`` reads and writes it. Names, sizes and contents are all that an
archive says: owners, modes and times are always the same, so the same files are the same bytes.
What is read is a stream of which a piece at a time is held. Only regular files are accepted;
links, folders, devices and headers of variable length (which could fill the memory) are refused,
and so is an archive without its end.
"""

import tarfile
from collections.abc import Iterable, Iterator
from typing import BinaryIO

BLOCK = 512
_RECORD = 20 * BLOCK
_CHUNK = 64 << 10
_EMPTY = bytes(BLOCK)
_MAX_MEMBERS = 10_000_000


class ArchiveError(ValueError):
    """An archive is not what it should be; the message is the end of a sentence."""


class TarWriter:
    """Writes members one after the other into a stream."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._written = 0

    def add(self, name: str, size: int, chunks: Iterable[bytes]) -> None:
        """Write a file of ``size`` bytes.

        Raises
        ------
        ArchiveError
            If the chunks are not that many bytes, or the format has no room for name or size.
        """
        member = tarfile.TarInfo(name)
        member.size, member.mode, member.mtime = size, 0o644, 0
        try:
            self._write(member.tobuf(tarfile.USTAR_FORMAT, "utf-8", "strict"))
        except ValueError as error:
            raise ArchiveError(f"{name} does not fit into a tar archive ({error})") from error
        start = self._written
        for chunk in chunks:
            self._write(chunk)
        if self._written - start != size:
            raise ArchiveError(f"{name} changed while it was read")
        self._write(bytes(-size % BLOCK))

    def end(self) -> None:
        """Write the end of the archive."""
        self._write(2 * _EMPTY)
        self._write(bytes(-self._written % _RECORD))

    def _write(self, content: bytes) -> None:
        self._stream.write(content)
        self._written += len(content)


class Member:
    """A file in an archive that is being read."""

    def __init__(self, name: str, size: int, stream: BinaryIO) -> None:
        self.name, self.size = name, size
        self._stream, self._left = stream, size

    def chunks(self) -> Iterator[bytes]:
        """Yield the content; once only.

        Raises
        ------
        ArchiveError
            If the archive is cut short.
        """
        while self._left:
            chunk = _exactly(self._stream, min(self._left, _CHUNK))
            self._left -= len(chunk)
            yield chunk

    def read(self, limit: int) -> bytes:
        """Return the content of a file of no more than ``limit`` bytes.

        Raises
        ------
        ArchiveError
            If it is larger.
        """
        if self.size > limit:
            raise ArchiveError(f"{self.name} is larger than {limit >> 20} MiB")
        return b"".join(self.chunks())


def members(stream: BinaryIO, max_bytes: int) -> Iterator[Member]:
    """Yield the files of an archive in order; what is not read of one is passed over.

    Raises
    ------
    ArchiveError
        If it is not an archive of regular files, is cut short, or unpacks to more than
        ``max_bytes``.
    """
    left, count = max_bytes, 0
    while (header := _exactly(stream, BLOCK)) != _EMPTY:
        name, size = _parse(header)
        left, count = left - BLOCK - size, count + 1
        if count > _MAX_MEMBERS:
            raise ArchiveError(f"it has more than {_MAX_MEMBERS} files")
        if left < 0:
            raise ArchiveError(
                f"it unpacks to more than {max_bytes / (1 << 30):g} GiB; if that is right, raise "
                "--max-gib"
            )
        member = Member(name, size, stream)
        yield member
        for _ in member.chunks():
            pass
        if any(_exactly(stream, -size % BLOCK)):
            raise ArchiveError(f"something stands behind the end of {name}")
    # A second empty block, and more to fill a record.
    ending = stream.read(_RECORD + 1)
    if len(ending) < BLOCK or len(ending) > _RECORD or any(ending):
        raise ArchiveError("it does not end as a tar archive does")


def _parse(header: bytes) -> tuple[str, int]:
    try:
        member = tarfile.TarInfo.frombuf(header, "utf-8", "strict")
    except (tarfile.TarError, ValueError) as error:
        raise ArchiveError("it is not a tar archive, or is damaged") from error
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.linkname:
        raise ArchiveError(f"{member.name!r} is no regular file")
    if member.size < 0:
        raise ArchiveError(f"{member.name!r} has no size")
    return member.name, member.size


def _exactly(stream: BinaryIO, size: int) -> bytes:
    content = stream.read(size)
    if len(content) != size:
        raise ArchiveError("it is cut short")
    return content
