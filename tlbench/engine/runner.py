"""Walks a graph of jobs: submits what is ready, keeps what is done, skips what cannot be."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from tlbench.engine.schedule import Schedule, Status
from tlbench.engine.store import State, Store
from tlbench.engine.worker import PROGRESS, Outcome, execute
from tlbench.jobs.base import Job

MAX_DEATHS = 3
"""A job whose worker has died this often is given up."""

MAX_DAMAGES = 3
"""A job that was found damaged this often in one run is not done again."""

_TICK_SECONDS = 0.25


@dataclass
class Report:
    """How a run stands.

    ``status`` and ``errors`` are by key; ``set_aside`` lists damaged jobs that were found and
    are computed again.
    """

    status: dict[str, Status]
    errors: dict[str, str] = field(default_factory=dict)
    set_aside: list[str] = field(default_factory=list)

    def count(self, *statuses: Status) -> int:
        """Return the number of jobs in any of ``statuses``."""
        return sum(s in statuses for s in self.status.values())

    @property
    def complete(self) -> bool:
        """Whether every job is in the store."""
        return self.count("cached", "done") == len(self.status)


def run_jobs(
    jobs: Mapping[str, Job],
    store: Store,
    executor: Callable[[], AbstractContextManager[Executor]],
    device: str,
    on_change: Callable[[Report], None] = lambda report: None,
    at_once: int | None = None,
    thorough: bool = False,
) -> Report:
    """Bring every job into the store, parents before children.

    Of the jobs that are ready, those that most others wait for go first.

    A job that fails is reported and its descendants are skipped; the rest goes on. If a worker
    process dies, its jobs are tried again on a new pool. A job that turns out to be damaged, here
    or when another needs it, is set aside and done again.

    Parameters
    ----------
    jobs
        By key, parents before children.
    executor
        Makes a context that yields an executor; not called if there is nothing to do.
    on_change
        Called at the start, about four times a second, and at the end.
    at_once
        How many jobs are handed to the executor at a time; by default all that are ready. A
        few more than it has workers let a job that becomes ready later overtake less urgent ones.
    thorough
        Read every file of the jobs that are in the store already, for a caller that uses them.
    """
    report = Report(dict.fromkeys(jobs, "waiting"))
    for key in jobs:
        state = store.state(key, thorough)
        if state is State.FINISHED:
            report.status[key] = "cached"
        elif state is State.DAMAGED:
            store.clear_damaged(key)
            report.set_aside.append(key)
    on_change(report)
    deaths = dict.fromkeys(jobs, 0)
    while report.count("waiting"):
        with executor() as pool:
            try:
                _drain(jobs, store, pool, device, report, on_change, at_once or len(jobs))
            except BrokenProcessPool:
                _after_death(jobs, store, report, deaths)
                on_change(report)
    return report


def _drain(
    jobs: Mapping[str, Job],
    store: Store,
    pool: Executor,
    device: str,
    report: Report,
    on_change: Callable[[Report], None],
    at_once: int,
) -> None:
    """Keep up to ``at_once`` jobs in ``pool`` until no more can be done."""
    schedule = Schedule(jobs, report.status)
    finished: SimpleQueue[Future[Outcome]] = SimpleQueue()
    running = 0
    shown = time.monotonic()
    while True:
        while running < at_once and (key := schedule.take()) is not None:
            future = pool.submit(execute, jobs[key], str(store.root), device)
            future.add_done_callback(finished.put)
            running += 1
        if not running or time.monotonic() - shown >= _TICK_SECONDS:
            on_change(report)
            shown = time.monotonic()
        if not running:
            return
        try:
            outcome = finished.get(timeout=_TICK_SECONDS).result()
        except Empty:
            continue
        running -= 1
        if outcome.lost:
            _recall(outcome, store, report)
            schedule = Schedule(jobs, report.status)
        elif outcome.error is None:
            schedule.finish(outcome.key, "cached" if outcome.reused else "done")
        else:
            report.errors[outcome.key] = outcome.error
            schedule.fail(outcome.key)


def _recall(outcome: Outcome, store: Store, report: Report) -> None:
    """Put a job back that found its parents damaged, and the parents, to be done again."""
    report.status[outcome.key] = "waiting"
    for parent in outcome.lost:
        # Another child may have found the same, and the parent may be there again.
        if report.status[parent] not in ("cached", "done") or store.folder(parent).exists():
            continue
        report.set_aside.append(parent)
        if report.set_aside.count(parent) < MAX_DAMAGES:
            report.status[parent] = "waiting"
        else:
            report.status[parent] = "failed"
            report.errors[parent] = (
                f"Its files were damaged {MAX_DAMAGES} times after it was done; check the disk."
            )


def _after_death(
    jobs: Mapping[str, Job], store: Store, report: Report, deaths: dict[str, int]
) -> None:
    """Put the jobs of a broken pool back, except those that keep killing their worker."""
    broken = [key for key in jobs if report.status[key] == "submitted"]
    started = [key for key in broken if (store.working_folder(key) / PROGRESS).exists()]
    for key in broken:
        (store.working_folder(key) / PROGRESS).unlink(missing_ok=True)
        # If none had started, the workers die before any job is reached: then all are to blame.
        deaths[key] += key in started or not started
        if deaths[key] >= MAX_DEATHS:
            report.status[key] = "failed"
            report.errors[key] = (
                f"Its worker process died {MAX_DEATHS} times (killed, or out of memory)."
            )
        else:
            report.status[key] = "waiting"
