"""Archives of finished jobs: how results move from one machine to another.

::

    .plans/<plan>.jsonl.gz    the plans, without the paths of outside files
    <key>/<file>              the files of each job, the manifest first

in a tar archive (ustar) sorted by key, compressed if its name ends in ``.gz``. Owners, modes and
times are always the same, so the same jobs and plans make the same bytes.

An archive may come from anywhere. Each job of it is unpacked beside the store, verified as those in
the store are, and renamed into it; so the store never holds a part of a job, wherever the archive
breaks off. That proves that nothing was altered on the way, not that the sender computed what the
files say.
"""

import gzip
import io
import os
import re
import shutil
import tarfile
import uuid
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, Self, cast

from tlbench.base.errors import DamagedJobError, InputError, LockedError, StoreError, TlbenchError
from tlbench.base.files import PACKED, check_regular, flush, replacing
from tlbench.base.writing import writing
from tlbench.engine.store.garbage import INCOMING, incoming_lock
from tlbench.engine.store.manifest import DESCRIPTION, MANIFEST, read_manifest
from tlbench.engine.store.plans import PLANS, packed_plan, place_plan, plan_lines
from tlbench.engine.store.store import READ_FOR_RECORDS, State, Store, is_key, verify_folder

MAX_BYTES = 100 << 30
"""What an archive may unpack to, by default."""

_LARGEST = {MANIFEST: 4 << 20, **dict.fromkeys((DESCRIPTION, *READ_FOR_RECORDS), 64 << 20)}
"""The most bytes of the files that are read as a whole."""
_MAX_PLAN = 64 << 20
_MAX_FILES = 10_000
"""The most files of one job."""

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+@=,-]{0,254}")


class _ArchiveError(TlbenchError):
    """An archive is not what it should be; the message is the end of a sentence."""


@dataclass(frozen=True)
class Exported:
    """What an archive got: plans, finished jobs, and how many jobs of the plans have yet to be."""

    plans: int
    jobs: int
    missing: int


def export(
    store: Store,
    path: Path,
    plans: Sequence[Path],
    only_plans: bool = False,
    on_change: Callable[[int, int], None] = lambda done, total: None,
) -> Exported:
    """Verify finished jobs and write them into an archive, which appears whole or not at all.

    Parameters
    ----------
    plans
        The plans to write.
    only_plans
        Write the jobs of these plans; by default all that are finished.
    on_change
        Called with the number of jobs that are written, and that are to be.

    Raises
    ------
    StoreError
        If a job or a plan is damaged.
    InputError
        If the archive cannot be written.
    """
    finished = store.finished()
    planned = {line["key"] for plan in plans for line in plan_lines(plan)}
    keys = sorted(finished & planned if only_plans else finished)
    with writing(path, "choose another file"), replacing(path) as part:
        with (
            part.open("wb") as file,
            _packing(file, path.suffix == PACKED) as stream,
            tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive,
        ):
            for plan in plans:
                content = packed_plan(plan)
                _add(archive, f"{PLANS}/{plan.name}", len(content), io.BytesIO(content))
            for number, key in enumerate(keys):
                on_change(number, len(keys))
                _add_job(archive, store, key)
        flush(part)
    return Exported(len(plans), len(keys), len(planned - finished))


def _packing(file: BinaryIO, packed: bool) -> BinaryIO:
    # Weights and arrays hardly shrink further; neither name nor time goes into the header.
    pack = gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) if packed else file
    return cast("BinaryIO", pack)


def _add_job(archive: tarfile.TarFile, store: Store, key: str) -> None:
    try:
        store.verify(key)
        for name in [MANIFEST, *sorted(read_manifest(store.folder(key)).files)]:
            with (store.folder(key) / name).open("rb") as file:
                _add(archive, f"{key}/{name}", os.fstat(file.fileno()).st_size, file)
    # The format has no room for very long names and very large files.
    except (DamagedJobError, FileNotFoundError, ValueError) as error:
        raise StoreError(
            f"The job {key[:12]} cannot be exported: {str(error).rstrip('.')}; set what is damaged "
            "aside with 'tlbench store verify --set-aside' and run its suite again."
        ) from error


def _add(archive: tarfile.TarFile, name: str, size: int, file: BinaryIO) -> None:
    member = tarfile.TarInfo(name)
    member.size = size
    archive.addfile(member, file)


@dataclass
class Imported:
    """What was brought into a store.

    ``present`` counts jobs that were there already, ``busy`` those that are being run here, which
    were left out; ``mended`` those of the ``added`` that were there, but damaged.
    """

    plans: int = 0
    added: int = 0
    present: int = 0
    busy: int = 0
    mended: int = 0


def import_archive(
    store: Store,
    path: Path,
    max_bytes: int = MAX_BYTES,
    on_change: Callable[[int, int], None] = lambda done, total: None,
) -> Imported:
    """Bring plans and finished jobs of an archive into the store.

    Parameters
    ----------
    max_bytes
        What the archive may unpack to.
    on_change
        Called with the number of bytes of the archive that are read, and its size.

    Raises
    ------
    InputError
        If the archive cannot be read, or is not what it should be; the jobs before the fault are
        verified and stay.
    """
    done = Imported()
    area = store.root / INCOMING / uuid.uuid4().hex
    try:
        _check_file(path)
        area.parent.mkdir(exist_ok=True)
        with incoming_lock(area), path.open("rb") as file:
            # Under the lock from the start, so that no other process takes it for left over.
            area.mkdir()
            size = os.fstat(file.fileno()).st_size
            try:
                for folder in _unpack(file, area, store, done, max_bytes):
                    on_change(file.tell(), size)
                    shutil.rmtree(area / folder, ignore_errors=True)
            finally:
                shutil.rmtree(area, ignore_errors=True)
    except (
        _ArchiveError,
        DamagedJobError,
        OSError,
        EOFError,
        tarfile.TarError,
        zlib.error,
    ) as error:
        said = str(error).rstrip(".")
        if isinstance(error, EOFError | tarfile.TarError | zlib.error | gzip.BadGzipFile):
            said = "it is cut short, or damaged"
        elif isinstance(error, OSError):
            said = error.strerror or said
        kept = f"; jobs before that are verified and kept ({done.added})" if done.added else ""
        raise InputError(f"{path}: cannot be imported: {said}{kept}.") from error
    finally:
        # No process waits for this lock: the name is that of one import.
        incoming_lock(area).remove()
    return done


class _PlainFile(tarfile.TarInfo):
    """Header of a plain file; any other is refused before what belongs to it is read.

    Those of variable length could fill the memory, and tarfile takes a damaged one for the end.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            found = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if buf == bytes(tarfile.BLOCKSIZE):
                raise
            raise _ArchiveError("it is cut short, damaged or not a tar archive") from error
        if found.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or found.linkname:
            raise _ArchiveError(f"{found.name!r} is not a regular file")
        if found.size < 0:
            raise _ArchiveError(f"{found.name!r} has no size")
        return found


def _check_file(path: Path) -> None:
    try:
        check_regular(path)
    except ValueError as error:
        raise _ArchiveError(str(error)) from error


def _unpack(
    file: BinaryIO, area: Path, store: Store, done: Imported, max_bytes: int
) -> Iterator[str]:
    """Bring folder after folder of an archive into the store, and yield their names."""
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    stream = cast("BinaryIO", gzip.GzipFile(fileobj=file)) if packed else file
    seen = set()
    with tarfile.open(fileobj=stream, mode="r:", tarinfo=_PlainFile) as archive:
        members = _members(archive, max_bytes)
        for folder, files in groupby(members, lambda member: member.name.partition("/")[0]):
            if folder in seen or not (folder == PLANS or is_key(folder)):
                raise _ArchiveError(f"{folder!r} is not a job, or is given twice")
            seen.add(folder)
            if folder == PLANS:
                for member in files:
                    _check_size(member, _MAX_PLAN)
                    content = cast("BinaryIO", archive.extractfile(member)).read()
                    name = member.name.partition("/")[2]
                    try:
                        done.plans += place_plan(store, name, content, max_bytes)
                    except ValueError as error:
                        raise _ArchiveError(f"{member.name!r} is not a plan: {error}") from error
            elif store.state(folder, thorough=True) is State.FINISHED:
                done.present += 1
            else:
                _unpack_job(archive, files, area)
                _place_job(store, area / folder, done)
            yield folder
    # A second empty block, and more to fill a record.
    ending = stream.read(tarfile.RECORDSIZE + 1)
    if not tarfile.BLOCKSIZE <= len(ending) <= tarfile.RECORDSIZE or any(ending):
        raise _ArchiveError("it does not end as a tar archive does")


def _members(archive: tarfile.TarFile, max_bytes: int) -> Iterator[tarfile.TarInfo]:
    left = max_bytes
    while (member := archive.next()) is not None:
        # It would keep them all: a small archive may have very many.
        archive.members.clear()  # type: ignore[attr-defined]
        left -= tarfile.BLOCKSIZE + member.size
        if left < 0:
            raise _ArchiveError(
                f"it unpacks to more than {max_bytes / (1 << 30):g} GiB; if that is right, raise "
                "--max-gib"
            )
        yield member


def _unpack_job(archive: tarfile.TarFile, files: Iterator[tarfile.TarInfo], area: Path) -> None:
    for number, member in enumerate(files):
        name = member.name.partition("/")[2]
        # On a file system that ignores case, two names may be one file.
        if not _PLAIN_NAME.fullmatch(name) or (area / member.name).exists():
            raise _ArchiveError(f"{member.name!r} is not a file of a job, or is given twice")
        if number >= _MAX_FILES:
            raise _ArchiveError(f"{member.name!r} is one of more than {_MAX_FILES} files")
        _check_size(member, _LARGEST.get(name, member.size))
        archive.extract(member, area, filter=_data)


def _data(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo:
    # Who may read a file is up to the umask here.
    return tarfile.data_filter(member, folder).replace(mode=None, deep=False)  # type: ignore[arg-type]


def _check_size(member: tarfile.TarInfo, limit: int) -> None:
    if member.size > limit:
        raise _ArchiveError(f"{member.name} is larger than {limit >> 20} MiB")


def _place_job(store: Store, folder: Path, done: Imported) -> None:
    """Verify an unpacked job and bring it into the store."""
    key = folder.name
    verify_folder(folder, key)
    for name, (_, changed) in read_manifest(folder).stat.items():
        # A file with another time is read to recognise the job; that is slower, and as right.
        with suppress(OSError, OverflowError, TypeError):
            os.utime(folder / name, ns=(changed, changed))
    for path in (*folder.iterdir(), folder):
        flush(path)
    try:
        with store.lock(key, wait=False):
            damaged = store.folder(key).exists()
            placed = store.place(folder, key)
    except LockedError:
        done.busy += 1
    else:
        done.added += placed
        done.mended += placed and damaged
        done.present += not placed
