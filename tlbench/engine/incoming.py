"""Reading archives of finished jobs, which may come from anybody.

An archive is what `tlbench.engine.archive` writes. Each job of it is written to a working area,
file by file compared with its manifest, and renamed into the store when all of it is there; so the
store never holds a part of a job, wherever the archive breaks off. That proves that nothing was
altered on the way, not that the sender computed what the files say.
"""

import gzip
import hashlib
import json
import os
import re
import shutil
import uuid
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from tlbench.engine.garbage import INCOMING, incoming_lock
from tlbench.engine.manifest import MANIFEST, Manifest, check_outputs, read_manifest
from tlbench.engine.plans import PLANS, place_plan
from tlbench.engine.store import READ_FOR_RECORDS, State, Store, is_key
from tlbench.engine.tarball import ArchiveError, Member, members
from tlbench.errors import DamagedJobError, InputError, LockedError
from tlbench.files import check_regular, flush

MAX_BYTES = 100 << 30
"""What an archive may unpack to, by default."""

_MAX_MANIFEST = 4 << 20
_MAX_RESULT = 64 << 20
_MAX_PLAN = 64 << 20
_MAX_FILES = 10_000
"""The most files of one job."""

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+@=,-]{0,254}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass
class Imported:
    """What was brought into a store.

    ``present`` counts jobs that were there already, ``busy`` those that somebody works on, which
    were left to whoever does; ``mended`` those of the ``added`` that were there, but damaged.
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
        check_regular(path)
        area.parent.mkdir(exist_ok=True)
        with incoming_lock(area), path.open("rb") as file:
            # Under the lock from the start, so that nobody takes it for left over.
            area.mkdir()
            size = os.fstat(file.fileno()).st_size
            reading = _Reading(store, area, done, max_bytes)
            try:
                for member in members(_unpacked(file), max_bytes):
                    on_change(file.tell(), size)
                    reading.take(member)
                reading.finish_job()
            finally:
                shutil.rmtree(area, ignore_errors=True)
    except (ValueError, DamagedJobError, EOFError, zlib.error, OSError) as error:
        kept = f"; jobs before that are verified and kept ({done.added})" if done.added else ""
        raise InputError(f"{path}: cannot be imported: {_reason(error)}{kept}.") from error
    finally:
        # Nobody waits for this lock: the name is that of one import.
        incoming_lock(area).remove()
    return done


def _unpacked(file: BinaryIO) -> BinaryIO:
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    return cast(BinaryIO, gzip.GzipFile(fileobj=file)) if packed else file


def _reason(error: Exception) -> str:
    if isinstance(error, EOFError):
        return "it is cut short"
    if isinstance(error, zlib.error | gzip.BadGzipFile):
        return "its compression is damaged"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error).rstrip(".")


@dataclass
class _Job:
    """A job of which files are still to come; nothing is written of one that is there already."""

    key: str
    folder: Path
    manifest: Manifest
    present: bool
    seen: set[str] = field(default_factory=set)


class _Reading:
    """An import in progress."""

    def __init__(self, store: Store, area: Path, done: Imported, max_bytes: int) -> None:
        self._store, self._area, self._done, self._max_bytes = store, area, done, max_bytes
        self._job: _Job | None = None
        self._keys: set[str] = set()
        self._plans: set[str] = set()

    def take(self, member: Member) -> None:
        """Take the next file of the archive."""
        folder, _, name = member.name.partition("/")
        if folder == PLANS and name not in self._plans:
            self._plans.add(name)
            self._take_plan(name, member)
            return
        if not is_key(folder) or not _PLAIN_NAME.fullmatch(name):
            raise ArchiveError(f"{member.name!r} is no file of a job, or is given twice")
        if self._job is None or self._job.key != folder:
            self.finish_job()
            self._job = self._begin_job(folder, name, member)
        else:
            self._take_file(self._job, name, member)

    def _take_plan(self, name: str, member: Member) -> None:
        try:
            self._done.plans += place_plan(
                self._store, name, member.read(_MAX_PLAN), self._max_bytes
            )
        except ArchiveError:
            raise
        except ValueError as error:
            raise ArchiveError(f"{member.name!r} is no plan: {error}") from error

    def _begin_job(self, key: str, name: str, member: Member) -> _Job:
        if key in self._keys:
            raise ArchiveError(f"the job {key[:12]} is given twice")
        if name != MANIFEST:
            raise ArchiveError(f"the manifest of the job {key[:12]} does not come first")
        self._keys.add(key)
        folder = self._area / key
        folder.mkdir()
        (folder / MANIFEST).write_bytes(member.read(_MAX_MANIFEST))
        manifest = _sound(key, read_manifest(folder))
        present = self._store.state(key, thorough=True) is State.FINISHED
        return _Job(key, folder, manifest, present)

    def _take_file(self, job: _Job, name: str, member: Member) -> None:
        if name in job.seen or name not in job.manifest.files:
            raise ArchiveError(f"{member.name!r} is given twice, or is not in its manifest")
        job.seen.add(name)
        if name in READ_FOR_RECORDS and member.size > _MAX_RESULT:
            raise ArchiveError(f"{member.name!r} is larger than {_MAX_RESULT >> 20} MiB")
        found = hashlib.sha256()
        # On a file system that ignores case, two names may be one file.
        with Path(os.devnull).open("wb") if job.present else (job.folder / name).open("xb") as file:
            for chunk in member.chunks():
                found.update(chunk)
                file.write(chunk)
        if found.hexdigest() != job.manifest.files[name]:
            raise ArchiveError(f"{member.name!r} does not match its digest")

    def finish_job(self) -> None:
        """Put the job whose files have all come into the store."""
        job, self._job = self._job, None
        if job is None:
            return
        for name in sorted(job.manifest.files.keys() - job.seen):
            raise ArchiveError(f"{name!r} of the job {job.key[:12]} is missing")
        if job.present:
            self._done.present += 1
        else:
            _complete(job)
            self._place(job)
        shutil.rmtree(job.folder, ignore_errors=True)

    def _place(self, job: _Job) -> None:
        try:
            with self._store.lock(job.key, wait=False):
                state = self._store.state(job.key, thorough=True)
                if state is State.FINISHED:
                    self._done.present += 1
                    return
                if state is State.DAMAGED:
                    self._store.set_aside(job.key)
                    self._done.mended += 1
                if self._store.place(job.folder, job.key):
                    self._done.added += 1
                else:
                    self._done.present += 1
        except LockedError:
            self._done.busy += 1


def _sound(key: str, manifest: Manifest) -> Manifest:
    """Return a manifest that names plain files, this job's description among them."""
    files = manifest.files
    if not (
        len(files) <= _MAX_FILES
        and files.get("job.json") == key
        and files.keys() >= READ_FOR_RECORDS
        and MANIFEST not in files
        and all(_PLAIN_NAME.fullmatch(name) for name in files)
        and all(isinstance(each, str) and _DIGEST.fullmatch(each) for each in files.values())
        and all(isinstance(number, int) for stat in manifest.stat.values() for number in stat)
    ):
        raise ArchiveError(f"the manifest of the job {key[:12]} is not that of a finished job")
    return manifest


def _complete(job: _Job) -> None:
    """Bring the files of a job to the disk, with the times by which it is recognised.

    Raises
    ------
    DamagedJobError
        If they are not all that such a job leaves.
    """
    check_outputs(job.folder, job.key, job.manifest)
    for name in READ_FOR_RECORDS:
        try:
            sound = isinstance(json.loads((job.folder / name).read_bytes()), dict)
        except (ValueError, RecursionError):
            sound = False
        if not sound:
            raise ArchiveError(f"{name} of the job {job.key[:12]} is not what a job writes")
    for name in job.manifest.files:
        path = job.folder / name
        if name in job.manifest.stat:
            # Without its time a file is read to recognise the job; slower, and as right.
            with suppress(OSError, OverflowError):
                os.utime(path, ns=(job.manifest.stat[name][1],) * 2)
        flush(path)
    flush(job.folder / MANIFEST)
    flush(job.folder)
