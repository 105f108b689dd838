"""Parts of a plan, for runs that share the work."""

from collections.abc import Iterable, Mapping

from tlbench.base.errors import InputError
from tlbench.jobs.base import Job


def part(jobs: Mapping[str, Job], number: int, of: int) -> dict[str, Job]:
    """Return one of ``of`` parts of the jobs, parents before children.

    Measurements are distributed model by model, so that each model and everything that is
    measured of it is in one part. A part also has what its models need: data sets and source models
    are in several parts, and the first process to reach them runs them.

    Parameters
    ----------
    number
        From 1 to ``of``.

    Raises
    ------
    InputError
        If there is no such part.
    """
    if not 1 <= number <= of:
        raise InputError(f"--shard {number}/{of}: the first number should be from 1 to {of}.")
    parents = {parent for job in jobs.values() for parent in job.parents.values()}
    groups: dict[str, list[str]] = {}
    for key in jobs:
        if key not in parents:
            groups.setdefault(_model(jobs, key), []).append(key)
    mine = [key for group in [*groups.values()][number - 1 :: of] for key in group]
    return with_ancestors(jobs, mine)


def with_ancestors(jobs: Mapping[str, Job], keys: Iterable[str]) -> dict[str, Job]:
    """Return the jobs with these keys and all that they need, parents before children."""
    waiting, needed = list(keys), set[str]()
    while waiting:
        key = waiting.pop()
        if key not in needed:
            needed.add(key)
            waiting += jobs[key].parents.values()
    return {key: job for key, job in jobs.items() if key in needed}


def _model(jobs: Mapping[str, Job], key: str) -> str:
    """Return the job that trained what a job is about; the job itself if it is about no model."""
    while above := jobs[key].parents.get("simulation") or jobs[key].parents.get("model"):
        key = above
    return key
