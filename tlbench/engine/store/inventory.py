"""What a store holds: plans, jobs by kind, what was left over, and what the disk has altered."""

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tlbench.base.errors import DamagedJobError, InputError, LockedError, StoreError
from tlbench.engine.store.manifest import MANIFEST
from tlbench.engine.store.plans import plan_files, plan_lines, plan_name, read_plan, suite_of
from tlbench.engine.store.store import State, Store
from tlbench.jobs.sources import own_sources

UNKNOWN = "unknown"
"""Kind of a job whose description cannot be read."""


@dataclass(frozen=True)
class PlanEntry:
    """A plan: how many jobs it has, and how many are finished.

    ``problem`` says why it cannot be followed, if so.
    """

    name: str
    suite: str
    jobs: int
    finished: int
    problem: str | None


@dataclass(frozen=True)
class KindEntry:
    """All finished jobs of a kind; ``size`` in bytes."""

    kind: str
    jobs: int
    size: int


@dataclass(frozen=True)
class JobEntry:
    """One job; ``size`` in bytes, ``when`` its folder was completed in seconds since 1970.

    ``state`` is that of the store, or "interrupted" or "running".
    """

    key: str
    kind: str
    state: str
    size: int
    when: float | None
    label: str


def list_plans(store: Store) -> list[PlanEntry]:
    """Return the plans of a store."""
    finished = store.finished()
    return [_plan_entry(path, finished) for path in plan_files(store)]


def _plan_entry(path: Path, finished: set[str]) -> PlanEntry:
    name, problem = plan_name(path), None
    keys: set[str] = set()
    try:
        keys = {line["key"] for line in plan_lines(path)}
        sources = {item for job in read_plan(path).values() for item in job.sources.items()}
        known = own_sources()
        if any(known.get(source) != digest for source, digest in sources):
            problem = "of other code"
    except StoreError:
        problem = "damaged"
    except InputError:
        problem = "of another version of tlbench"
    return PlanEntry(name, suite_of(name), len(keys), len(keys & finished), problem)


def list_kinds(store: Store) -> list[KindEntry]:
    """Return how many finished jobs of each kind there are, and what they take."""
    jobs: defaultdict[str, int] = defaultdict(int)
    sizes: defaultdict[str, int] = defaultdict(int)
    for key in store.finished():
        kind = kind_of(store, key)
        jobs[kind] += 1
        sizes[kind] += size_of(store.folder(key))
    return [KindEntry(kind, jobs[kind], sizes[kind]) for kind in sorted(jobs)]


def list_jobs(store: Store, plan: Path | None = None) -> Iterator[JobEntry]:
    """Yield the jobs of a plan in its order, or all that are finished in that of their keys.

    Raises
    ------
    StoreError
        If the plan is damaged.
    """
    if plan is not None:
        for line in plan_lines(plan):
            yield _job_entry(store, line["key"], line.get("kind"), line.get("label"))
    else:
        for key in sorted(store.finished()):
            yield _job_entry(store, key)


def _job_entry(store: Store, key: str, kind: object = None, label: object = None) -> JobEntry:
    state = store.state(key)
    value, folder = state.value, store.folder(key)
    if state is State.ABSENT and store.working_folder(key).exists():
        folder = store.working_folder(key)
        value = "running" if store.is_locked(key) else "interrupted"
    try:
        when = (folder / MANIFEST).stat().st_mtime
    except OSError:
        when = None
    return JobEntry(
        key,
        kind if isinstance(kind, str) else kind_of(store, key),
        value,
        size_of(folder),
        when,
        label if isinstance(label, str) else "",
    )


def kind_of(store: Store, key: str) -> str:
    """Return the kind of a finished job, `UNKNOWN` if its description cannot be read."""
    try:
        kind = json.loads((store.folder(key) / "job.json").read_bytes())["kind"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return UNKNOWN
    return kind if isinstance(kind, str) else UNKNOWN


def size_of(path: Path | str) -> int:
    """Return the bytes in a file or a folder; what vanishes meanwhile counts nothing."""
    try:
        with os.scandir(path) as entries:
            return sum(
                size_of(entry.path)
                if entry.is_dir(follow_symlinks=False)
                else entry.stat(follow_symlinks=False).st_size
                for entry in entries
            )
    except NotADirectoryError:
        return Path(path).stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        return 0


Fate = Literal["left", "set aside", "in use"]


@dataclass(frozen=True)
class Scrubbed:
    """A finished job that was read; ``problem`` is None if it is as it was written."""

    key: str
    problem: str | None = None
    fate: Fate = "left"


def scrub(store: Store, keys: Iterable[str], set_aside: bool = False) -> Iterator[Scrubbed]:
    """Compare every file of the jobs ``keys`` with the manifests, and yield job by job.

    Parameters
    ----------
    set_aside
        Move damaged jobs out of the way, so that the next run does them again; those that
        are being run are left.
    """
    for key in keys:
        problem: str | None = None
        fate: Fate = "left"
        try:
            store.verify(key)
        except DamagedJobError as error:
            # Unless another process has noticed the same, and set it aside.
            problem = str(error) if store.folder(key).exists() else None
        if problem is not None and set_aside:
            try:
                store.clear_damaged(key)
                fate = "set aside"
            except LockedError:
                fate = "in use"
        yield Scrubbed(key, problem, fate)
