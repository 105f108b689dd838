"""Archives of finished jobs: how results move from one machine to another.

::

    .plans/<plan>.jsonl.gz    the plans, without the paths of outside files
    <key>/manifest.json       a job: first its manifest,
    <key>/<file>              then the files that it names, sorted

in a tar archive, see `tlbench.engine.tarball`; jobs are sorted by key. It is compressed if its name
ends in ``.gz``. The same jobs and plans make the same bytes.
"""

import gzip
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from tlbench.engine.manifest import MANIFEST, read_manifest
from tlbench.engine.plans import PLANS, packed_plan, plan_lines
from tlbench.engine.store import Store
from tlbench.engine.tarball import ArchiveError, TarWriter
from tlbench.errors import DamagedJobError, InputError, StoreError
from tlbench.files import PACKED, flush, replacing

_CHUNK = 64 << 10


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
    """Write plans and finished jobs into an archive, which appears whole or not at all.

    Every file is compared with its manifest on the way.

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
    try:
        with replacing(path) as part:
            with ExitStack() as opened:
                archive = TarWriter(_open(part, path.suffix == PACKED, opened))
                for plan in plans:
                    content = packed_plan(plan)
                    archive.add(f"{PLANS}/{plan.name}", len(content), [content])
                for number, key in enumerate(keys):
                    on_change(number, len(keys))
                    _add(archive, store, key)
                archive.end()
            flush(part)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror}); choose another file."
        ) from error
    return Exported(len(plans), len(keys), len(planned - finished))


def _open(part: Path, packed: bool, opened: ExitStack) -> BinaryIO:
    file = opened.enter_context(part.open("wb"))
    if not packed:
        return file
    # Weights and arrays hardly shrink further; neither name nor time goes into the header.
    pack = gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0)
    return cast(BinaryIO, opened.enter_context(pack))


def _add(archive: TarWriter, store: Store, key: str) -> None:
    folder = store.folder(key)
    try:
        store.verify(key, thorough=False)
        manifest = read_manifest(folder)
        content = (folder / MANIFEST).read_bytes()
        archive.add(f"{key}/{MANIFEST}", len(content), [content])
        for name, expected in sorted(manifest.files.items()):
            _add_file(archive, folder, name, expected)
    except (DamagedJobError, ArchiveError) as error:
        raise StoreError(
            f"The job {key[:12]} cannot be exported: {str(error).rstrip('.')}; set what is damaged "
            "aside with 'tlbench store verify --set-aside' and run its suite again."
        ) from error


def _add_file(archive: TarWriter, folder: Path, name: str, expected: str) -> None:
    found = hashlib.sha256()

    def chunks() -> Iterator[bytes]:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
            yield chunk

    try:
        file = (folder / name).open("rb")
    except OSError as error:
        raise DamagedJobError(f"{folder / name} cannot be read.") from error
    with file:
        archive.add(f"{folder.name}/{name}", os.fstat(file.fileno()).st_size, chunks())
    if found.hexdigest() != expected:
        raise DamagedJobError(f"{folder / name} does not match its digest.")
