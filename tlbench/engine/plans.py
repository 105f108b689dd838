"""The plans that a store knows: which jobs there are to do, finished or not.

::

    store/.plans/<suite>-<digest of the keys>.jsonl.gz    one job a line, parents before children

A plan is written when a suite is run or planned with a store. From it a single job can be done by
hand, a run can be looked at from another terminal, and what nobody needs any more can be told
from what somebody does.
"""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from tlbench.engine.store import Store
from tlbench.errors import InputError, StoreError
from tlbench.files import PART, write_whole
from tlbench.jobs.base import Job, read_job
from tlbench.schema import digest

_ENDING = ".jsonl.gz"
_SHORTEST = 8


def write_plan(store: Store, suite: str, jobs: Mapping[str, Job]) -> Path:
    """Put the jobs of a suite into the store, and return the file that they stand in.

    The same jobs replace themselves: where their data lies and what they are called may have
    changed.
    """
    folder = _folder(store)
    folder.mkdir(exist_ok=True)
    path = folder / f"{suite}-{digest(list(jobs))[:12]}{_ENDING}"
    lines = (json.dumps(job.written(), sort_keys=True) for job in jobs.values())
    write_whole(path, "".join(f"{line}\n" for line in lines))
    return path


def plan_files(store: Store) -> list[Path]:
    """Return the files of all plans, sorted by name."""
    return sorted(p for p in _folder(store).glob(f"*{_ENDING}") if not p.name.endswith(PART))


def read_plan(path: Path) -> dict[str, Job]:
    """Return the jobs of a plan by key, parents before children.

    Raises
    ------
    StoreError
        If the file is damaged.
    InputError
        If another version of tlbench wrote it.
    """
    return {job.key: job for job in map(read_job, _lines(path))}


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
    found = {
        line["key"]: line
        for path in plan_files(store)
        for line in _lines(path)
        if line["key"].startswith(beginning)
    }
    if len(found) > 1:
        raise InputError(f"{len(found)} jobs begin with {beginning!r}; give more of the key.")
    if not found:
        raise InputError(
            f"No plan in the store {store.root} has the job {beginning!r}; write the plan of its "
            "suite there with: tlbench plan SUITE --save."
        )
    return read_job(found.popitem()[1])


def _folder(store: Store) -> Path:
    return store.root / ".plans"


def _lines(path: Path) -> Iterator[dict[str, object]]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                value = json.loads(line)
                if not isinstance(value, dict) or not isinstance(value.get("key"), str):
                    raise ValueError("not a job")
                yield value
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise StoreError(
            f"The plan {path} is damaged; remove it and plan the suite again with: "
            "tlbench plan SUITE --save."
        ) from error
