"""The store: one folder per finished job, named by the job's key.

::

    store/
      store.json            format of the store, and how its jobs are locked
      <key>/                a finished job: job.json, result.json, provenance.json, log.txt,
                            artefacts, and manifest.json with the digest of each file
      .working/<key>/       a job that is running or was interrupted
      .damaged/<key>-<n>/   a finished job whose files no longer match its manifest
      .locks/<key>.lock     held by the process that runs the job
      .plans/               which jobs there are to do, see `tlbench.engine.store.plans`
      .incoming/            what an import has not verified yet, see `tlbench.engine.store.archive`
      .removed/             what is being deleted, see `tlbench.engine.store.garbage`

A job is written in ``.working`` and renamed into place when it is complete, so a folder that
exists is a job that is done.

Whether a finished job is still what it was is checked twice. To recognise it, its folder is
compared with the manifest: names, sizes and times of change of all files, and the content of those
that records are made of (``READ_FOR_RECORDS``); and the manifest with what such a job should leave,
see `tlbench.jobs.base.KINDS`. Where a job is used by another, every file of it
is read and compared, so an altered file never enters a result, however well it looks.
"""

import errno
import json
import os
import re
import shutil
import uuid
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tlbench.base.errors import DamagedJobError, StoreError
from tlbench.base.files import clear_parts, flush, write_whole
from tlbench.base.holders import Holder
from tlbench.base.locks import Lock
from tlbench.base.schema import ModelT, first_problem
from tlbench.engine.store.file_systems import Locks, find_locks, limitation
from tlbench.engine.store.manifest import check_outputs, read_checked, read_manifest, write_manifest
from tlbench.engine.store.provenance import Provenance
from tlbench.jobs.base import Job
from tlbench.jobs.context import RESULT

FORMAT = 1
READ_FOR_RECORDS = frozenset({"result.json", "provenance.json"})

_KEY = re.compile(r"[0-9a-f]{64}")


def is_key(name: str) -> bool:
    """Return whether ``name`` could be the key of a job."""
    return _KEY.fullmatch(name) is not None


def verify_folder(folder: Path, key: str, thorough: bool = True, job: Job | None = None) -> None:
    """Compare the files of a finished job with its manifest, and that with what such a job leaves.

    Parameters
    ----------
    folder
        Where the job is.
    thorough, job
        As for ``Store.state``.

    Raises
    ------
    DamagedJobError
        Naming the first file that is missing, unexpected or altered.
    """
    manifest = read_manifest(folder)
    try:
        manifest.check(folder, None if thorough else READ_FOR_RECORDS)
        check_outputs(folder, key, manifest, job)
    except OSError as error:
        raise DamagedJobError(f"{folder} cannot be read.") from error
    for name in sorted(READ_FOR_RECORDS - manifest.files.keys()):
        raise DamagedJobError(f"{folder / name} is missing.")


class State(Enum):
    """What the store knows of a job."""

    ABSENT = "absent"
    FINISHED = "finished"
    DAMAGED = "damaged"


class Store:
    """A folder of finished jobs.

    Parameters
    ----------
    root
        The folder; made if it does not exist.
    read_only
        Only look at what is there; then the folder has to exist.

    Raises
    ------
    StoreError
        If it cannot be written, was written by a newer version of tlbench, or its file system
        offers nothing by which jobs can be locked.
    """

    def __init__(self, root: Path | str, read_only: bool = False) -> None:
        self.root = Path(root).absolute()
        self._working = self.root / ".working"
        self._damaged = self.root / ".damaged"
        self._locks = self.root / ".locks"
        about = self.root / "store.json"
        locks = None
        try:
            if not read_only:
                for folder in (self._working, self._damaged, self._locks):
                    folder.mkdir(parents=True, exist_ok=True)
                self.probe()
            if read_only or about.exists():
                locks = self._read_format(about)
            if locks is None and not read_only:
                # Recorded, so that all who use it lock jobs in the same way.
                locks = find_locks(self._working)
                write_whole(about, json.dumps({"format": FORMAT, "locks": locks.value}) + "\n")
        except OSError as error:
            raise StoreError(
                f"The store {self.root} cannot be {'read' if read_only else 'written'} "
                f"({error.strerror}); choose another with --store or TLBENCH_STORE."
            ) from error
        self._way = (locks or Locks.FLOCK).way
        self.limitation = limitation(locks or Locks.FLOCK, self.root)
        """A sentence on what its file system does not support; None if it supports all."""

    def probe(self) -> None:
        """Write something into the store and remove it.

        Raises
        ------
        OSError
            If that cannot be done.
        """
        probe = self._working / f".probe-{uuid.uuid4().hex}"
        probe.write_bytes(b"probe")
        probe.unlink()

    def _read_format(self, path: Path) -> Locks | None:
        """Return how jobs are locked; None if that has not been found out yet."""
        try:
            about = json.loads(path.read_text())
            found = int(about["format"])
            locks = Locks(about["locks"]) if "locks" in about and found <= FORMAT else None
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise StoreError(
                f'{path} is damaged; write {{"format": {FORMAT}}} into it while nothing uses this '
                "store, and how its jobs can be locked is found out again, or "
                f'{{"format": {FORMAT}, "locks": "{Locks.MARKERS.value}"}} if that was chosen; if '
                "the folder is not a store of tlbench, choose another with --store."
            ) from error
        if found > FORMAT:
            raise StoreError(
                f"The store {self.root} has format {found}, this version of tlbench knows up to "
                f"{FORMAT}; update tlbench or choose another store with --store."
            )
        return locks

    def folder(self, key: str) -> Path:
        """Return where the finished job ``key`` is, or would be."""
        return self.root / key

    def working_folder(self, key: str) -> Path:
        """Return where the job ``key`` is worked on."""
        return self._working / key

    def lock(self, key: str, wait: bool = True) -> Lock:
        """Return the lock that the process which runs ``key`` holds; see `tlbench.base.locks`.

        Its file stays: were it deleted, two processes could each lock one of that name.
        """
        return Lock(self._locks / f"{key}.lock", self._way, wait)

    def plans_lock(self) -> Lock:
        """Return the lock held while plans are written, or jobs removed that no plan needs."""
        return Lock(self._locks / "plans.lock", self._way)

    def finished(self) -> set[str]:
        """Return the keys of all jobs that are there, found by one scan and not yet verified."""
        with os.scandir(self.root) as entries:
            return {entry.name for entry in entries if is_key(entry.name) and entry.is_dir()}

    def holder(self, key: str) -> Holder | None:
        """Return the process that works on ``key`` now, without disturbing it."""
        return self.lock(key).holder()

    def is_locked(self, key: str) -> bool:
        """Return whether ``key`` is being run now."""
        return self.holder(key) is not None

    def begun(self) -> set[str]:
        """Return the keys of all jobs that have a working folder, being done or left behind."""
        if not self._working.exists():
            return set()
        with os.scandir(self._working) as entries:
            return {entry.name for entry in entries if is_key(entry.name)}

    def state(self, key: str, thorough: bool = False, job: Job | None = None) -> State:
        """Return whether the job is finished, absent or damaged.

        Parameters
        ----------
        thorough
            Read every file. By default only what records are made of is read, and files whose
            size or time of change is not the one in the manifest.
        job
            The job, if the caller has it; otherwise its description is read.
        """
        if not self.folder(key).exists():
            return State.ABSENT
        try:
            self.verify(key, thorough, job)
        except DamagedJobError:
            # Another process may have set it aside meanwhile.
            return State.DAMAGED if self.folder(key).exists() else State.ABSENT
        return State.FINISHED

    def verify(self, key: str, thorough: bool = True, job: Job | None = None) -> None:
        """Compare the files of a finished job with its manifest, as ``state`` does.

        Raises
        ------
        DamagedJobError
            Naming the first file that is missing, unexpected or altered, also one that such a job
            leaves and that its manifest does not name.
        """
        verify_folder(self.folder(key), key, thorough, job)

    def clear_damaged(self, key: str) -> None:
        """Set the job aside if it is damaged; every file of it is read to find out.

        Takes the job's lock, as another process may have noticed first and be doing it again.

        Raises
        ------
        LockedError
            If so, or if another process has the lock for another reason.
        """
        with self.lock(key, wait=False):
            if self.state(key, thorough=True) is State.DAMAGED:
                self.set_aside(key)

    def set_aside(self, key: str) -> Path:
        """Move a damaged job out of the way, keep it, and return where it went.

        The caller holds the job's lock.
        """
        number = 0
        while (target := self._damaged / f"{key}-{number}").exists():
            number += 1
        self.folder(key).rename(target)
        return target

    def remove(self, key: str) -> None:
        """Delete a finished job; the caller holds its lock."""
        shutil.rmtree(self._move_out(key))

    def _move_out(self, key: str) -> Path:
        trash = self.root / ".removed"
        trash.mkdir(exist_ok=True)
        return self.folder(key).rename(trash / f"{key}-{uuid.uuid4().hex}")

    def begin(self, job: Job) -> Path:
        """Return the working folder of ``job``, with what an earlier attempt left in it.

        Files that the earlier attempt was in the middle of writing are removed. The caller holds
        the job's lock, as for all that is done to a working folder.
        """
        folder = self.working_folder(job.key)
        folder.mkdir(parents=True, exist_ok=True)
        clear_parts(folder)
        return folder

    def commit(
        self,
        job: Job,
        result: dict[str, Any],
        provenance: dict[str, Any],
        replaces: bool = False,
    ) -> bool:
        """Turn the working folder of ``job`` into a finished job, in one step.

        Return False if it has been finished by another process; then that result stays, unless
        this one ``replaces`` it.

        Each file, the folder and the store are brought to the disk: otherwise a power cut could
        leave a finished job of empty files, or lose one that its runner had reported as done.

        Raises
        ------
        DamagedJobError
            If a file is missing that the job should leave; then it stays unfinished.
        """
        folder = self.working_folder(job.key)
        texts = {
            "job.json": job.canonical(),
            "result.json": json.dumps(result, indent=1, sort_keys=True),
            "provenance.json": json.dumps(provenance, indent=1, sort_keys=True),
        }
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        write_manifest(folder)
        # From the manifest just written: a file may vanish until the last moment.
        check_outputs(folder, job.key, read_manifest(folder), job)
        flush(folder)
        old = self._move_out(job.key) if replaces and self.folder(job.key).exists() else None
        placed = self.place(folder, job.key)
        if old is not None:
            shutil.rmtree(old)
        return placed

    def place(self, folder: Path, key: str) -> bool:
        """Move a complete folder to where the finished job ``key`` belongs.

        The caller holds the job's lock. If the job is there and sound nevertheless, because it was
        copied into the store or its file system has locks in name only, it is left as it is, and
        False is returned; if it is damaged, it is set aside.
        """
        try:
            folder.rename(self.folder(key))
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            if self.state(key, thorough=True) is State.FINISHED:
                shutil.rmtree(folder)
                return False
            self.set_aside(key)
            folder.rename(self.folder(key))
        flush(self.root)
        return True

    def read(self, key: str, name: str) -> bytes:
        """Return the content of one file of a finished job.

        Raises
        ------
        DamagedJobError
            If it is not what the job wrote.
        """
        return read_checked(self.folder(key), name)

    def read_json(self, key: str, name: str, model: type[ModelT]) -> ModelT:
        """Return a JSON file of a finished job as what such a file should hold.

        Raises
        ------
        DamagedJobError
            If it is not what the job wrote.
        StoreError
            If that is nothing such a job writes; digests do not show who wrote a job.
        """
        content = self.read(key, name)
        try:
            return model.model_validate_json(content)
        except ValidationError as error:
            raise self.senseless(key, name, first_problem(error)) from error

    def result(self, key: str, model: type[ModelT]) -> ModelT:
        """Return the result of a finished job; ``model`` is that of its kind in `RESULTS`.

        Raises as ``read_json``.
        """
        return self.read_json(key, RESULT, model)

    def provenance(self, key: str) -> Provenance:
        """Return the provenance of a finished job; raises as ``read_json``."""
        return self.read_json(key, "provenance.json", Provenance)

    def senseless(self, key: str, name: str, problem: object) -> StoreError:
        """Return the error for a file that is as it was stored, but makes no sense."""
        return StoreError(
            f"{name} of the job {key[:12]} in the store {self.root} is nothing that such a job "
            f"writes ({' '.join(str(problem).split())[:200]}); it was forged, or written by "
            "another version: run the suite with another --store."
        )
