"""The manifest of a finished job: what its files are, and whether they still are so.

::

    {"files": {name: SHA-256, …},
     "stat": {name: [size in bytes, time of the last change in ns], …},
     "digest": SHA-256 of the canonical JSON of the two above}

Manifests of earlier versions have ``files`` alone; then every file is read whenever it is checked.
"""

import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tlbench.base.errors import DamagedJobError
from tlbench.base.files import flush, write_whole
from tlbench.base.schema import digest
from tlbench.jobs.base import KINDS, Job

MANIFEST, DESCRIPTION = "manifest.json", "job.json"

Stat = tuple[int, int]

_CHUNK = 64 << 10
SETTLED_SECONDS = 2.0
"""A file last changed so long ago shows a further change in its times, however coarse they are."""

_MEND = "set what is damaged aside with 'tlbench store verify --set-aside' and run the suite again"


@dataclass(frozen=True)
class Manifest:
    """The digest of each file of a job, and size and time of change when it was taken."""

    files: Mapping[str, str]
    stat: Mapping[str, Stat]

    def check(self, folder: Path, read: frozenset[str] | None) -> None:
        """Compare the files in ``folder`` with the manifest.

        Parameters
        ----------
        read
            Names of files to read in any case; others are read only if their size or time of
            change is not the recorded one, as in a store that was copied. None: read all, each
            once in this process unless it is changed.

        Raises
        ------
        DamagedJobError
            Naming the first file that is missing, unexpected or altered.
        """
        present = {entry.name: entry for entry in os.scandir(folder) if entry.name != MANIFEST}
        for name in sorted(present.keys() ^ self.files.keys()):
            raise DamagedJobError(f"{folder / name} is missing or unexpected.")
        for name, entry in present.items():
            if not entry.is_file(follow_symlinks=False):
                raise DamagedJobError(f"{entry.path} is not a file of its own.")
            known = self.stat.get(name)
            unchanged = known is not None and known == _stat(entry.stat())
            if read is not None and name not in read and unchanged:
                continue
            if _digest_once(entry) != self.files[name]:
                raise DamagedJobError(f"{entry.path} does not match its digest.")


def write_manifest(folder: Path) -> None:
    """Bring the files in ``folder`` to the disk and describe them in a manifest."""
    files, stat = {}, {}
    for path in sorted(folder.iterdir()):
        if path.name != MANIFEST:
            flush(path)
            # Taken first, so that a change while the file is read shows in it.
            stat[path.name] = _stat(path.stat())
            files[path.name] = _file_digest(path)
    value = {"files": files, "stat": stat}
    write_whole(folder / MANIFEST, json.dumps({**value, "digest": digest(value)}, indent=1))


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a finished job.

    Raises
    ------
    DamagedJobError
        If it is missing, or not as it was written.
    """
    path = folder / MANIFEST
    try:
        value = json.loads(path.read_bytes())
        if set(value) not in ({"files"}, {"files", "stat", "digest"}):
            raise DamagedJobError(f"{path} is not a manifest.")
        files, stat = dict(value["files"]), dict(value.get("stat", {}))
        if "digest" in value and value["digest"] != digest({"files": files, "stat": stat}):
            raise DamagedJobError(f"{path} does not match its digest.")
        return Manifest(files, {name: (size, time) for name, (size, time) in stat.items()})
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise DamagedJobError(f"{path} cannot be read.") from error


def check_outputs(folder: Path, key: str, manifest: Manifest, job: Job | None = None) -> None:
    """Make sure that a job has left all that such a job leaves.

    Parameters
    ----------
    job
        The job, if the caller has it; otherwise its description in ``folder`` is read.

    Raises
    ------
    DamagedJobError
        If a file is missing from the manifest, or it is of another job than ``key``.
    """
    path = folder / DESCRIPTION
    if manifest.files.get(DESCRIPTION) != key:
        raise DamagedJobError(f"{path} describes another job.")
    try:
        if job is None:
            said = json.loads(path.read_bytes())
            kind, config = KINDS.get(said["kind"]), dict(said["config"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedJobError(f"{path} is not the description of a job.") from error
    if job is not None:
        kind, config = KINDS.get(job.kind), dict(job.config)
    # Of a kind that is not known here, no output is known.
    wanted = kind.outputs_of(config) if kind is not None else frozenset()
    for name in sorted(wanted - manifest.files.keys()):
        raise DamagedJobError(f"{folder / name} is missing, which the job should have left.")


def read_checked(folder: Path, name: str) -> bytes:
    """Return the content of one file of a finished job, compared with the manifest.

    Raises
    ------
    DamagedJobError
        If it is missing or altered.
    """
    path = folder / name
    try:
        files = read_manifest(folder).files
    except DamagedJobError as error:
        raise DamagedJobError(f"{str(error).rstrip('.')}; {_MEND}.") from error
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DamagedJobError(f"{path} cannot be read; {_MEND}.") from error
    if hashlib.sha256(content).hexdigest() != files.get(name):
        raise DamagedJobError(f"{path} does not match its digest; {_MEND}.")
    return content


def _stat(found: os.stat_result) -> Stat:
    return found.st_size, found.st_mtime_ns


def _digest_once(entry: os.DirEntry[str]) -> str:
    """Return the digest of a file, read once in this process while it remains the same file.

    Any write, and any setting of its times, changes the time of its inode, which no program can
    set. Bits that a disk alters by itself do not, and are found by the next process.
    """
    found = entry.stat()
    if time.time() - found.st_ctime < SETTLED_SECONDS:
        return _file_digest(entry.path)
    return _remembered_digest(entry.path, _identity(found))


@lru_cache(maxsize=10_000)
def _remembered_digest(path: str, identity: tuple[int, ...]) -> str:
    return _file_digest(path)


def _identity(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _file_digest(path: Path | str) -> str:
    # Most files are small: what hashlib.file_digest sets up for each costs more than reading it.
    found = hashlib.sha256()
    with os.fdopen(os.open(path, os.O_RDONLY), "rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()
