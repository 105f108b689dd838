"""How long a graph of jobs takes with so many workers."""

from collections.abc import Collection, Mapping
from heapq import heappop, heappush

from tlbench.engine.run.schedule import Schedule, Status
from tlbench.jobs.base import Job


def wall_seconds(
    jobs: Mapping[str, Job], done: Collection[str], seconds: Mapping[str, float], workers: int
) -> float:
    """Return when the last job ends, if a free worker always takes the next that is ready.

    Jobs are taken in the order in which the runner takes them.

    Parameters
    ----------
    jobs
        By key, parents before children.
    done
        Keys of those that are finished.
    seconds
        How long each of the others takes; those not named take no time.
    """
    status: dict[str, Status] = {key: "cached" if key in done else "waiting" for key in jobs}
    schedule = Schedule(jobs, status)
    running: list[tuple[float, str]] = []
    now = 0.0
    while True:
        while len(running) < workers and (key := schedule.take()) is not None:
            heappush(running, (now + seconds.get(key, 0.0), key))
        if not running:
            return now
        now, key = heappop(running)
        schedule.finish(key, "done")


def critical_seconds(
    jobs: Mapping[str, Job], done: Collection[str], seconds: Mapping[str, float]
) -> float:
    """Return how long the longest chain of jobs takes, which no number of workers shortens."""
    ends: dict[str, float] = {}
    for key, job in jobs.items():
        if key in done:
            ends[key] = 0.0
            continue
        ready = max((ends[parent] for parent in job.parents.values()), default=0.0)
        ends[key] = ready + seconds.get(key, 0.0)
    return max(ends.values(), default=0.0)
