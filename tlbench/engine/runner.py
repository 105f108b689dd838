"""Walks a graph of jobs: submits what is ready, keeps what is done, skips what cannot be."""

from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Literal

from tlbench.engine.store import State, Store
from tlbench.engine.worker import PROGRESS, Outcome, execute
from tlbench.jobs.base import Job

MAX_DEATHS = 3
"""A job whose worker has died this often is given up."""

_TICK_SECONDS = 0.25

Status = Literal["waiting", "submitted", "cached", "done", "failed", "skipped"]


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
) -> Report:
    """Bring every job into the store, parents before children.

    Of the jobs that are ready, those that most others wait for go first.

    A job that fails is reported and its descendants are skipped; the rest goes on. If a worker
    process dies, its jobs are tried again on a new pool.

    Parameters
    ----------
    jobs
        By key, parents before children.
    executor
        Makes a context that yields an executor; not called if there is nothing to do.
    on_change
        Called whenever something changed, and about four times a second while waiting.
    at_once
        How many jobs are handed to the executor at a time; by default all that are ready. A
        few more than it has workers let a job that becomes ready later overtake less urgent ones.
    """
    report = Report(dict.fromkeys(jobs, "waiting"))
    for key in jobs:
        state = store.state(key)
        if state is State.FINISHED:
            report.status[key] = "cached"
        elif state is State.DAMAGED:
            with store.lock(key):
                # Another runner may have noticed first.
                if store.state(key) is State.DAMAGED:
                    store.set_aside(key)
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
    futures: dict[Future[Outcome], str] = {}
    urgency = _urgency(jobs)
    while True:
        ready = []
        for key, job in jobs.items():
            if report.status[key] != "waiting":
                continue
            parents = [report.status[parent] for parent in job.parents.values()]
            if any(s in ("failed", "skipped") for s in parents):
                report.status[key] = "skipped"
            elif all(s in ("cached", "done") for s in parents):
                ready.append(key)
        ready.sort(key=lambda key: -urgency[key])
        for key in ready[: max(0, at_once - len(futures))]:
            futures[pool.submit(execute, jobs[key], str(store.root), device)] = key
            report.status[key] = "submitted"
        on_change(report)
        if not futures:
            return
        finished, _ = wait(futures, timeout=_TICK_SECONDS, return_when=FIRST_COMPLETED)
        for future in finished:
            outcome = future.result()
            del futures[future]
            if outcome.error is None:
                report.status[outcome.key] = "cached" if outcome.reused else "done"
            else:
                report.status[outcome.key] = "failed"
                report.errors[outcome.key] = outcome.error


def _urgency(jobs: Mapping[str, Job]) -> dict[str, int]:
    """Return for each job how many ways lead on from it to other jobs."""
    urgency = dict.fromkeys(jobs, 0)
    for key in reversed(list(jobs)):
        for parent in jobs[key].parents.values():
            urgency[parent] += 1 + urgency[key]
    return urgency


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
