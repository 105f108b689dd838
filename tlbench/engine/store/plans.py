"""The plans that a store knows: which jobs there are to do, finished or not.

::

    store/.plans/<suite>-<digest of the keys>.jsonl.gz    one job a line, parents before children

A plan is written when a suite is run or planned with a store. From it a single job can be done by
hand, a run can be looked at from another terminal, and what no plan
needs any more can be distinguished from what one does.
"""

import gzip
import io
import json
import os
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tlbench.base.errors import InputError, StoreError, printable
from tlbench.base.files import PART, compressed, write_whole
from tlbench.base.registry import near_names
from tlbench.base.schema import digest
from tlbench.engine.store.store import Store, is_key
from tlbench.jobs.base import FORMAT, Job, read_job

PLANS = ".plans"
"""Folder of a store that plans lie in."""

_ENDING = ".jsonl.gz"
_SHORTEST = 8
_SUITE = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_MAX_LINE = 1 << 20


def write_plan(store: Store, suite: str, jobs: Mapping[str, Job]) -> Path:
    """Put the jobs of a suite into the store, and return its file.

    The same jobs replace themselves: where their data lies and what they are called may have
    changed.

    Raises
    ------
    StoreError
        If the store cannot be written.
    """
    folder = plans_folder(store)
    path = plan_path(store, suite, jobs)

    lines = (json.dumps(job.written(), sort_keys=True) + "\n" for job in jobs.values())
    try:
        folder.mkdir(exist_ok=True)
        with store.plans_lock():
            write_whole(path, lines)
    except OSError as error:
        raise StoreError(
            f"The plan cannot be put into the store {store.root} ({error.strerror}); fix that, "
            "or choose another store with --store."
        ) from error
    return path


def plan_path(store: Store, suite: str, jobs: Mapping[str, Job]) -> Path:
    """Return the file that a plan is in, or would be."""
    return plans_folder(store) / f"{suite}-{digest(list(jobs))[:12]}{_ENDING}"


def plan_files(store: Store) -> list[Path]:
    """Return the files of all plans, sorted by name."""
    return sorted(p for p in plans_folder(store).glob(f"*{_ENDING}") if not p.name.endswith(PART))


def read_plan(path: Path) -> dict[str, Job]:
    """Return the jobs of a plan by key, parents before children.

    Raises
    ------
    StoreError
        If the file is damaged.
    InputError
        If another version of tlbench wrote it.
    """
    return {job.key: job for job in map(read_job, plan_lines(path))}


def find_job(store: Store, beginning: str) -> Job:
    """Return the planned job whose key begins so.

    Raises
    ------
    InputError
        If there is none, or several, or too little of the key is given.
    StoreError
        If a plan is damaged.
    """
    if len(beginning) < _SHORTEST:
        raise InputError(f"Give at least {_SHORTEST} characters of the job's key.")
    found: dict[str, dict[str, Any]] = {}
    damage = None
    for path in plan_files(store):
        try:
            for line in plan_lines(path, beginning):
                if line["key"].startswith(beginning):
                    found[line["key"]] = line
                if line["key"] == beginning:
                    return read_job(line)
        except StoreError as error:
            # It may be in another.
            damage = error
    if damage is not None and not found:
        raise damage
    if len(found) > 1:
        raise InputError(f"{len(found)} jobs begin with {beginning!r}; give more of the key.")
    if not found:
        raise InputError(
            f"No plan in the store {store.root} has the job {beginning!r}; write the plan of its "
            "suite there with: tlbench plan SUITE --save."
        )
    return read_job(found.popitem()[1])


def find_plan(store: Store, name: str) -> Path:
    """Return the file of a plan by its name, or by that of its suite if the suite has one plan.

    Raises
    ------
    InputError
        If there is none, or several.
    """
    known = {plan_name(path): path for path in plan_files(store)}
    if name in known:
        return known[name]
    found = [each for each in known if suite_of(each) == name]
    if len(found) > 1:
        raise InputError(f"{name!r} has {len(found)} plans: {', '.join(found)}; name one of them.")
    if not found:
        suites = [*known, *map(suite_of, known)]
        raise InputError(f"The store {store.root} has no plan {name!r}; {near_names(name, suites)}")
    return known[found[0]]


def packed_plan(path: Path) -> bytes:
    """Return the content of a plan for another machine: without where outside files lie here.

    Raises
    ------
    StoreError
        If it is damaged.
    """
    lines = (json.dumps({**line, "files": {}}, sort_keys=True) + "\n" for line in plan_lines(path))
    return b"".join(compressed(line.encode("utf-8") for line in lines))


def place_plan(store: Store, name: str, content: bytes, max_bytes: int) -> bool:
    """Put a plan from another machine into the store; return False if it is there already.

    Parameters
    ----------
    content
        What `packed_plan` returned, or claims to be that.
    max_bytes
        How much it may be when unpacked; a line of it at a time is held.

    Raises
    ------
    ValueError
        If it is not a plan: each key has to be the digest of its job, the name that of the keys.
    """
    keys = [job["key"] for job in _foreign_lines(content, max_bytes)]
    suite, _, ending = name.rpartition("-")
    if not _SUITE.fullmatch(suite) or ending != digest(keys)[:12] + _ENDING:
        raise ValueError("its name is not that of its jobs")
    lines = (json.dumps(job, sort_keys=True) + "\n" for job in _foreign_lines(content, max_bytes))
    folder = plans_folder(store)
    folder.mkdir(exist_ok=True)
    with store.plans_lock():
        if (folder / name).exists():
            return False
        write_whole(folder / name, lines)
        # What was planned here is what is in use.
        os.utime(folder / name, (0, 0))
    return True


def _foreign_lines(content: bytes, max_bytes: int) -> Iterator[dict[str, Any]]:
    try:
        with gzip.open(io.BytesIO(content)) as file:
            while line := file.readline(_MAX_LINE):
                max_bytes -= len(line)
                if not line.endswith(b"\n") or max_bytes < 0:
                    raise ValueError("it is too large, or cut short")
                yield _checked(json.loads(line))
    except (OSError, EOFError, zlib.error, RecursionError) as error:
        raise ValueError("it cannot be read") from error


def _checked(job: Any) -> dict[str, Any]:
    """Return the description of a job that is what ``Job.written`` writes."""
    parts = ("kind", "sources", "config", "parents")
    if not isinstance(job, dict) or digest({p: job.get(p) for p in parts}) != job.get("key"):
        raise ValueError("a key is not the digest of its job")
    types = {"kind": str, "sources": dict, "config": dict, "parents": dict, "label": str}
    environment = job.get("environment")
    if not (
        all(isinstance(job.get(name), type_) for name, type_ in types.items())
        and job["label"] == printable(job["label"])
        and all(isinstance(key, str) and is_key(key) for key in job["parents"].values())
        and all(isinstance(digest_, str) for digest_ in job["sources"].values())
        and (environment is None or isinstance(environment, str))
    ):
        raise ValueError("a line of it is not a job")
    if job.get("format") != FORMAT:
        raise ValueError("another version of tlbench wrote it")
    known = {name: job[name] for name in ("format", "key", *types)}
    return {**known, "files": {}, "environment": environment}


def plan_name(path: Path) -> str:
    """Return what a plan is called: ``<suite>-<digest>``."""
    return path.name.removesuffix(_ENDING)


def suite_of(name: str) -> str:
    """Return the suite that the plan of this name belongs to."""
    return name.rpartition("-")[0]


def plans_folder(store: Store) -> Path:
    """Return where the plans of a store are."""
    return store.root / PLANS


def plan_lines(path: Path, mentioning: str = "") -> Iterator[dict[str, Any]]:
    """Yield the jobs of a plan as `tlbench.jobs.base.Job.written` wrote them.

    That is possible for plans of other versions of tlbench, too.

    Parameters
    ----------
    mentioning
        Leave out what does not have this text anywhere, unread.

    Raises
    ------
    StoreError
        If the file is missing or damaged.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                if mentioning not in line:
                    continue
                value = json.loads(line)
                if not isinstance(value, dict) or not isinstance(value.get("key"), str):
                    raise ValueError("not a job")
                yield value
    except FileNotFoundError as error:
        raise StoreError(
            f"The plan {path} is not in the store any more; write it again with: "
            "tlbench plan SUITE --save."
        ) from error
    except (OSError, EOFError, ValueError, RecursionError, zlib.error) as error:
        raise StoreError(
            f"The plan {path} is damaged; remove it and plan the suite again with: "
            "tlbench plan SUITE --save."
        ) from error
