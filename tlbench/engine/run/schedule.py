"""Which jobs of a graph can be done now, kept up to date instead of searched for."""

from collections import defaultdict
from collections.abc import Mapping, MutableMapping
from heapq import heapify, heappop, heappush
from typing import Literal

from tlbench.jobs.base import Job

Status = Literal["waiting", "submitted", "cached", "done", "failed", "skipped"]


class Schedule:
    """The order in which the waiting jobs of a graph are handed out.

    A job is ready when all its parents are in the store. Of the jobs that are ready, those that
    most others wait for go first, and then those that stand first in ``jobs``. What a change
    costs grows with the number of children of the job that changed, not with that of all jobs.

    Parameters
    ----------
    jobs
        By key, parents before children; parents that are not among them are taken for done.
    status
        How each job stands; changed by the methods. Jobs that wait for one that failed are
        skipped at once.
    """

    def __init__(self, jobs: Mapping[str, Job], status: MutableMapping[str, Status]) -> None:
        self._status = status
        self._rank = _ranks(jobs)
        self._children: defaultdict[str, list[str]] = defaultdict(list)
        self._missing: dict[str, int] = {}
        for key, job in jobs.items():
            parents = {parent for parent in job.parents.values() if parent in jobs}
            for parent in parents:
                self._children[parent].append(key)
            self._missing[key] = sum(status[parent] not in ("cached", "done") for parent in parents)
        waiting = [key for key in jobs if status[key] == "waiting"]
        self._ready = [(self._rank[key], key) for key in waiting if not self._missing[key]]
        heapify(self._ready)
        for key in [key for key in jobs if status[key] in ("failed", "skipped")]:
            self._skip_descendants(key)

    def take(self) -> str | None:
        """Return the next job and mark it as submitted; None if none is ready."""
        if not self._ready:
            return None
        _, key = heappop(self._ready)
        self._status[key] = "submitted"
        return key

    def finish(self, key: str, status: Literal["cached", "done"]) -> None:
        """Note that a job that was taken is in the store."""
        self._status[key] = status
        for child in self._children[key]:
            self._missing[child] -= 1
            if not self._missing[child] and self._status[child] == "waiting":
                heappush(self._ready, (self._rank[child], child))

    def put_back(self, key: str) -> None:
        """Note that a job that was taken is to be done again."""
        self._status[key] = "waiting"
        heappush(self._ready, (self._rank[key], key))

    def fail(self, key: str) -> list[str]:
        """Note that a job that was taken has failed, and return those that are skipped for it."""
        self._status[key] = "failed"
        return self._skip_descendants(key)

    def _skip_descendants(self, key: str) -> list[str]:
        lost, skipped = [key], []
        while lost:
            for child in self._children[lost.pop()]:
                # A child that is in the store needs its parents no more.
                if self._status[child] == "waiting":
                    self._status[child] = "skipped"
                    lost.append(child)
                    skipped.append(child)
        return skipped


def _ranks(jobs: Mapping[str, Job]) -> dict[str, tuple[int, int]]:
    """Return the place of each job in the queue: by how many ways lead on from it, then given."""
    ways = dict.fromkeys(jobs, 0)
    for key in reversed(list(jobs)):
        for parent in jobs[key].parents.values():
            if parent in ways:
                ways[parent] += 1 + ways[key]
    return {key: (-ways[key], index) for index, key in enumerate(jobs)}
