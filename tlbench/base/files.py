"""Files that appear whole or not at all, and files from outside that are read within bounds."""

import errno
import hashlib
import os
import stat
import uuid
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

PART = ".part"
"""Ending of a file that is being written; one that a crash left behind may be deleted."""

PACKED = ".gz"
"""Ending of files that are compressed as they are written and read."""

MAX_BYTES = 128 << 20
"""The largest text that is read, after decompression."""

_CHUNK = 1 << 20


def write_whole(path: Path, text: str | Iterable[str]) -> None:
    """Write ``text`` so that a crash, or another writer, leaves the old file or the new.

    It is compressed if the name ends in `PACKED`, to the same bytes for the same text. A long
    text may come in pieces, of which one at a time is held.

    Raises
    ------
    OSError
        If the file cannot be written; then the old one is untouched.
    """
    pieces = map(encoded, [text] if isinstance(text, str) else text)
    with replacing(path) as part:
        with part.open("wb") as file:
            file.writelines(compressed(pieces) if path.suffix == PACKED else pieces)
        flush(part)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield where to write what shall replace ``path``, under a name that no other process uses.

    If that fails, ``path`` stays as it was.
    """
    part = _part(path)
    try:
        yield part
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def make_once(path: Path, content: bytes) -> bool:
    """Make a file, complete from its first moment; return False if it is there already.

    Raises
    ------
    OSError
        If that fails, or the file system has no hard links.
    """
    part = _part(path)
    try:
        part.write_bytes(content)
        flush(part)
        os.link(part, path)
    except FileExistsError:
        return False
    finally:
        part.unlink(missing_ok=True)
    return True


def clear_parts(folder: Path) -> None:
    """Delete what killed processes were writing in a folder that no other process writes to."""
    for part in folder.glob(f"*{PART}"):
        part.unlink()


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.{uuid.uuid4().hex}{PART}")


def encoded(text: str) -> bytes:
    r"""Return ``text`` in UTF-8, with ``\udce9`` for the byte E9 of a name that is not UTF-8.

    Python reads the bytes of such names as lone surrogates, which UTF-8 cannot hold. In a string of
    JSON what is written is the escape for them, so that reading gives the same name again.
    """
    return text.encode("utf-8", errors="backslashreplace")


def compressed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Compress for gzip, with neither a name nor a time in the header; yield piece by piece."""
    packing = zlib.compressobj(level=9, wbits=31)
    for piece in pieces:
        yield packing.compress(piece)
    yield packing.flush()


def read_bounded(path: Path, limit: int = MAX_BYTES) -> bytes:
    """Return the content of a file, decompressed if its name ends in `PACKED`.

    No more than ``limit`` bytes are ever held, whatever a small file would become.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is larger, is not a regular file, or is not compressed as its name says.
    """
    check_regular(path)
    with path.open("rb") as file:
        if path.suffix != PACKED:
            content = file.read(limit + 1)
            if len(content) > limit:
                raise ValueError(f"it is larger than {limit >> 20} MiB")
            return content
        unpacking, parts, size = zlib.decompressobj(wbits=31), [], 0
        try:
            while not unpacking.eof:
                packed = unpacking.unconsumed_tail or file.read(_CHUNK)
                if not packed:
                    raise ValueError("it is cut short")
                parts.append(unpacking.decompress(packed, _CHUNK))
                size += len(parts[-1])
                if size > limit:
                    raise ValueError(f"it is larger than {limit >> 20} MiB when decompressed")
        except zlib.error as error:
            raise ValueError(f"it is not compressed by gzip ({error})") from error
        if unpacking.unused_data or file.read(1):
            raise ValueError("something follows after the compressed text")
    return b"".join(parts)


def check_regular(path: Path) -> None:
    """Refuse a pipe or a device, which may be waited for or read for ever.

    Raises
    ------
    OSError
        If it is not there.
    ValueError
        If it is not a regular file.
    """
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise ValueError("it is not a regular file")


def write_sealed(path: Path, content: bytes) -> None:
    """Write ``content`` and its digest; a crash leaves the old file or the new."""
    with replacing(path) as part, part.open("wb") as file:
        file.write(content)
        file.write(hashlib.sha256(content).digest())


def read_sealed(path: Path) -> bytes | None:
    """Return what ``write_sealed`` wrote; None if it is not there, or no longer as it was."""
    try:
        found = path.read_bytes()
    except OSError:
        return None
    size = hashlib.sha256().digest_size
    content, seal = found[:-size], found[-size:]
    return content if hashlib.sha256(content).digest() == seal else None


def stored(path: Path) -> Path:
    """Return ``path``, or the compressed file beside it if only that is there."""
    packed = path.with_name(path.name + PACKED)
    return packed if packed.exists() and not path.exists() else path


def flush(path: Path) -> None:
    """Bring a file or folder to the disk, where the file system can do that.

    Raises
    ------
    OSError
        If it could not be written after all: file systems over a network, and those with quotas,
        may say so only here.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some file systems cannot flush a folder; a rename is atomic all the same.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS):
            raise
    finally:
        os.close(descriptor)
