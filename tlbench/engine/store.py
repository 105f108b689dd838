"""The store: one folder per finished job, named by the job's key.

::

    store/
      store.json            format of the store
      <key>/                a finished job: job.json, result.json, provenance.json, log.txt,
                            artefacts, and manifest.json with the digest of each file
      .working/<key>/       a job that is running or was interrupted
      .damaged/<key>-<n>/   a finished job whose files no longer match its manifest
      .locks/<key>.lock     held by whoever works on the job

A job is written in ``.working`` and renamed into place when it is complete, so a folder that
exists is a job that is done.
"""

import hashlib
import json
import os
import shutil
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Any

from filelock import FileLock

from tlbench.errors import DamagedJobError, StoreError
from tlbench.jobs.base import Job

FORMAT = 1
MANIFEST = "manifest.json"


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

    Raises
    ------
    StoreError
        If it cannot be written, or was written by a newer version of tlbench.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root).absolute()
        self._working = self.root / ".working"
        self._damaged = self.root / ".damaged"
        self._locks = self.root / ".locks"
        try:
            for folder in (self._working, self._damaged, self._locks):
                folder.mkdir(parents=True, exist_ok=True)
            probe = self._working / f".probe-{os.getpid()}"
            probe.touch()
            probe.unlink()
            self._check_format()
        except OSError as error:
            raise StoreError(
                f"The store {self.root} cannot be written ({error.strerror}); "
                "choose another with --store or TLBENCH_STORE."
            ) from error

    def _check_format(self) -> None:
        path = self.root / "store.json"
        if not path.exists():
            _write_text(path, json.dumps({"format": FORMAT}) + "\n")
        try:
            found = int(json.loads(path.read_text())["format"])
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"{path} is damaged; if this folder is a tlbench store, write "
                f'{{"format": {FORMAT}}} into it, otherwise choose another with --store.'
            ) from error
        if found > FORMAT:
            raise StoreError(
                f"The store {self.root} has format {found}, this version of tlbench knows up to "
                f"{FORMAT}; update tlbench or choose another store with --store."
            )

    def folder(self, key: str) -> Path:
        """Return where the finished job ``key`` is, or would be."""
        return self.root / key

    def working_folder(self, key: str) -> Path:
        """Return where the job ``key`` is worked on."""
        return self._working / key

    def lock(self, key: str) -> FileLock:
        """Return the lock that whoever works on ``key`` holds; it is freed if its holder dies."""
        return FileLock(self._locks / f"{key}.lock")

    def state(self, key: str) -> State:
        """Say whether the job is finished, comparing every file with the manifest."""
        if not self.folder(key).exists():
            return State.ABSENT
        try:
            self.verify(key)
        except DamagedJobError:
            return State.DAMAGED
        return State.FINISHED

    def verify(self, key: str) -> None:
        """Compare the files of a finished job with its manifest.

        Raises
        ------
        DamagedJobError
            Naming the first file that is missing, unexpected or altered.
        """
        folder = self.folder(key)
        try:
            manifest = json.loads((folder / MANIFEST).read_text())
            files: dict[str, str] = dict(manifest["files"])
            present = {p.name for p in folder.iterdir()} - {MANIFEST}
            for name in sorted(present | set(files)):
                if name not in files or name not in present:
                    raise DamagedJobError(f"{folder / name} is missing or unexpected.")
                if _file_digest(folder / name) != files[name]:
                    raise DamagedJobError(f"{folder / name} does not match its digest.")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DamagedJobError(f"{folder / MANIFEST} cannot be read.") from error
        if hashlib.sha256((folder / "job.json").read_bytes()).hexdigest() != key:
            raise DamagedJobError(f"{folder / 'job.json'} describes another job.")

    def set_aside(self, key: str) -> Path:
        """Move a damaged job out of the way, keep it, and return where it went.

        The caller holds the job's lock.
        """
        number = 0
        while (target := self._damaged / f"{key}-{number}").exists():
            number += 1
        self.folder(key).rename(target)
        return target

    def begin(self, job: Job) -> Path:
        """Return the working folder of ``job``, with whatever an earlier attempt left in it."""
        folder = self.working_folder(job.key)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def discard(self, key: str) -> None:
        """Remove what an unfinished attempt left."""
        shutil.rmtree(self.working_folder(key), ignore_errors=True)

    def commit(self, job: Job, result: dict[str, Any], provenance: dict[str, Any]) -> None:
        """Turn the working folder of ``job`` into a finished job, in one step."""
        folder = self.working_folder(job.key)
        _write_text(folder / "job.json", job.canonical())
        _write_text(folder / "result.json", json.dumps(result, indent=1, sort_keys=True))
        _write_text(folder / "provenance.json", json.dumps(provenance, indent=1, sort_keys=True))
        files = {}
        for path in sorted(folder.iterdir()):
            if path.name != MANIFEST:
                _flush(path)
                files[path.name] = _file_digest(path)
        _write_text(folder / MANIFEST, json.dumps({"files": files}, indent=1))
        _flush(folder)
        folder.rename(self.folder(job.key))
        _flush(self.root)

    def result(self, key: str) -> dict[str, Any]:
        """Return the result of a finished job."""
        return self._read(key, "result.json")

    def provenance(self, key: str) -> dict[str, Any]:
        """Return the provenance of a finished job."""
        return self._read(key, "provenance.json")

    def _read(self, key: str, name: str) -> dict[str, Any]:
        path = self.folder(key) / name
        try:
            value: dict[str, Any] = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise DamagedJobError(f"{path} cannot be read; run the suite again.") from error
        return value


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_text(path: Path, text: str) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8")
    _flush(part)
    part.replace(path)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    # Some file systems cannot flush a folder; the rename is atomic all the same.
    with suppress(OSError):
        os.fsync(descriptor)
    os.close(descriptor)
