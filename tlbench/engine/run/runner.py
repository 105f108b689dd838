"""Walks a graph of jobs: submits what is ready, keeps what is done, skips what cannot be."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from tlbench.base.errors import InputError, LockedError, StoreError
from tlbench.engine.executors import local, slots
from tlbench.engine.run.schedule import Schedule, Status
from tlbench.engine.store.store import State, Store
from tlbench.engine.work.attempts import Limits, Outcome, Task
from tlbench.engine.work.devices import check_device
from tlbench.engine.work.supervisor import execute
from tlbench.jobs.base import Job

PER_WORKER = 2
"""Jobs handed over at a time: one waits for each worker, so that none is idle between two jobs, and
a job that becomes ready later still overtakes less urgent ones."""

MAX_DAMAGES = 3
"""A job that was found damaged this often in one run is not done again."""

_TICK_SECONDS = 0.25
_BUSY_SECONDS = 0.5, 5.0
"""Shortest and longest time after which a job that another runner does is looked at again."""

ATTEMPTS = 3
"""A job whose process has died this often is given up."""

MakeExecutor = Callable[[], AbstractContextManager[Executor]]


@dataclass(frozen=True)
class Resources:
    """Where jobs are done, and what they may use.

    Attributes
    ----------
    workers
        Jobs at a time on this machine; by default one per GPU, or one per core without.
    workers_per_gpu
        Jobs at a time on each GPU of this machine, instead.
    device
        "auto", "cpu" or "cuda".
    executor
        Where jobs are done instead of on this machine, and how many there are at a time.
    limits, attempts
        What one attempt at a job may use, and how often a job is tried whose process dies or
        takes too long.
    pythons
        Name of an environment → interpreter of the jobs that need it.
    """

    workers: int | None = None
    device: str = "auto"
    executor: tuple[MakeExecutor, int] | None = None
    limits: Limits = field(default_factory=Limits)
    attempts: int = ATTEMPTS
    pythons: Mapping[str, str] = field(default_factory=dict)
    workers_per_gpu: int | None = None

    def slots(self) -> list[str | None]:
        """Return for each worker of this machine its GPU, or None; raises InputError as `slots`."""
        return slots(self.device, self.workers, self.workers_per_gpu)

    def check(self) -> None:
        """Refuse a device that is not there, and workers per GPU where none is used.

        Raises
        ------
        InputError
            Saying which option asks for that.
        """
        check_device(self.device)
        if self.executor is None:
            self.slots()
        elif self.workers_per_gpu is not None:
            raise InputError("--workers-per-gpu is for --executor local only.")

    def of(self, n_jobs: int) -> tuple[MakeExecutor, int]:
        """Return what makes an executor, and how many jobs it does at a time."""
        if self.executor is not None:
            return self.executor
        found = self.slots()[:n_jobs]
        return partial(local, found), len(found)


@dataclass
class Report:
    """State of a run.

    ``status`` and ``errors`` are by key; ``set_aside`` lists damaged jobs that were found and
    are computed again, ``retried`` those whose process died, once for each death. ``elsewhere``
    says of each job that is left to another process which one that is, and since when.
    """

    status: dict[str, Status]
    errors: dict[str, str] = field(default_factory=dict)
    set_aside: list[str] = field(default_factory=list)
    retried: list[str] = field(default_factory=list)
    elsewhere: dict[str, str] = field(default_factory=dict)

    def count(self, *statuses: Status) -> int:
        """Return the number of jobs in any of ``statuses``."""
        return sum(s in statuses for s in self.status.values())

    @property
    def complete(self) -> bool:
        """Whether every job is in the store."""
        return self.count("cached", "done") == len(self.status)


class Listener(Protocol):
    """Called with what happens to jobs: "submitted", "finished", "failed", ….

    ``fields`` are JSON values; see `tlbench.engine.run.run_log`.
    """

    def __call__(self, event: str, job: Job, **fields: Any) -> None:
        """Take note of it."""


def _ignore(event: str, job: Job, **fields: Any) -> None:
    """Ignore it."""


def run_jobs(
    jobs: Mapping[str, Job],
    store: Store,
    resources: Resources,
    on_change: Callable[[Report], None] = lambda report: None,
    on_event: Listener = _ignore,
    *,
    thorough: bool = False,
) -> Report:
    """Bring every job into the store, parents before children.

    Of the jobs that are ready, those that most others wait for go first.

    A job that fails is reported and its descendants are skipped; the rest goes on. A job whose
    process dies is tried again. A job that turns out to be damaged, here or when another needs
    it, is set aside and done again. A job that another runner is doing is left to it.

    Parameters
    ----------
    jobs
        By key, parents before children. Parents that are not among them have to be in the store.
    resources
        Where they are done; no executor is made if there is nothing to do.
    on_change
        Called at the start, about four times a second, and at the end.
    on_event
        Called with each event of a job.
    thorough
        Read every file of the jobs that are in the store already, for a caller that uses them.

    Raises
    ------
    StoreError
        If nothing can be put into the store any more, as when its disk is full.
    TlbenchError
        If the executor cannot do any job.
    """
    walk = _Walk(jobs, store, resources, on_change, on_event)
    walk.recognise(thorough)
    if walk.report.count("waiting"):
        executor, workers = resources.of(len(jobs))
        with executor() as pool:
            walk.drain(pool, PER_WORKER * workers)
    return walk.report


class _Walk:
    """A run in progress."""

    def __init__(
        self,
        jobs: Mapping[str, Job],
        store: Store,
        resources: Resources,
        on_change: Callable[[Report], None],
        on_event: Listener,
    ) -> None:
        self.jobs, self.store, self._resources = jobs, store, resources
        self.report = Report(dict.fromkeys(jobs, "waiting"))
        self._on_change, self._tell = on_change, on_event
        self._shown = 0.0
        self._deaths: dict[str, int] = {}
        self._elsewhere: dict[str, tuple[float, float]] = {}

    def recognise(self, thorough: bool) -> None:
        """Find out which jobs are in the store."""
        for key, job in self.jobs.items():
            state = self.store.state(key, thorough, job)
            if state is State.FINISHED:
                self.report.status[key] = "cached"
            elif state is State.DAMAGED:
                # Otherwise the process that runs it sets it aside.
                with suppress(LockedError):
                    self.store.clear_damaged(key)
                    self._set_aside(job)
            self._show()
        if self.report.count("waiting"):
            # Whether these were measured on the device of the others is known where those are done.
            measured = (key for key, job in self.jobs.items() if job.measures_device)
            self.report.status.update(dict.fromkeys(measured, "waiting"))
        self._show(now=True)

    def drain(self, pool: Executor, at_once: int) -> None:
        """Keep up to ``at_once`` jobs in ``pool`` until no more can be done."""
        self._schedule = Schedule(self.jobs, self.report.status)
        finished: SimpleQueue[Future[Outcome]] = SimpleQueue()
        running = 0
        while True:
            while running < at_once and (key := self._next()) is not None:
                self._tell("submitted", self.jobs[key])
                future = pool.submit(execute, self._task(self.jobs[key]))
                future.add_done_callback(finished.put)
                running += 1
            self._show(now=not running and not self._elsewhere)
            if not running and not self._elsewhere:
                return
            try:
                outcome = finished.get(timeout=_TICK_SECONDS).result()
            except Empty:
                continue
            running -= 1
            self._settle(outcome)

    def _task(self, job: Job) -> Task:
        python = self._resources.pythons.get(job.environment or "")
        return Task(
            job,
            str(self.store.root),
            self._resources.device,
            self._resources.limits,
            python,
            job.environment if python else None,
        )

    def _next(self) -> str | None:
        """Return a job that can be done now, among them those that another runner did or left."""
        now = time.monotonic()
        for key, (due, _) in self._elsewhere.items():
            if now < due:
                continue
            holder = self.store.holder(key)
            if holder is None or self.store.folder(key).exists():
                self._elsewhere.pop(key)
                return key
            self._leave(key, self.store.lock(key).explain(holder))
            # One look at a time.
            break
        return self._schedule.take()

    def _settle(self, outcome: Outcome) -> None:
        job = self.jobs[outcome.key]
        if not outcome.busy:
            self.report.elsewhere.pop(outcome.key, None)
        if outcome.fault is not None:
            done = self.report.count("done", "cached")
            raise StoreError(
                f"Nothing more can be put into the store {self.store.root} ({outcome.fault}); "
                f"{done} of {len(self.jobs)} jobs are done and kept. Fix that, then the same "
                "command continues from here."
            )
        if outcome.lost:
            self._recall(outcome)
            self._schedule = Schedule(self.jobs, self.report.status)
        elif outcome.busy:
            self._leave(outcome.key, outcome.busy)
        elif outcome.death is not None:
            self._bury(job, outcome.death)
        elif outcome.error is not None:
            self._fail(job, outcome.error, diverged=outcome.diverged)
        else:
            self._schedule.finish(outcome.key, "cached" if outcome.reused else "done")
            self._tell("finished", job, reused=outcome.reused, seconds=outcome.seconds)

    def _leave(self, key: str, by: str) -> None:
        """Leave a job to the process that does it, and look again later each time."""
        if self.report.elsewhere.get(key) != by:
            self.report.elsewhere[key] = by
            self._tell("elsewhere", self.jobs[key], by=by)
        shortest, longest = _BUSY_SECONDS
        _, last = self._elsewhere.pop(key, (0.0, shortest / 2))
        pause = min(2 * last, longest)
        self._elsewhere[key] = time.monotonic() + pause, pause

    def _bury(self, job: Job, death: str) -> None:
        deaths = self._deaths[job.key] = self._deaths.get(job.key, 0) + 1
        if deaths < self._resources.attempts:
            self.report.retried.append(job.key)
            self._schedule.put_back(job.key)
            self._tell("retried", job, attempt=deaths, reason=death)
        else:
            times = "once" if deaths == 1 else f"{deaths} times"
            self._fail(job, f"It was tried {times}; the last time, {death}.")

    def _fail(self, job: Job, error: str, *, diverged: bool = False) -> None:
        self.report.errors[job.key] = error
        skipped = self._schedule.fail(job.key)
        self._tell("failed", job, error=error, skipped=len(skipped), diverged=diverged)

    def _recall(self, outcome: Outcome) -> None:
        """Put a job back that found its parents damaged, and the parents, to be done again."""
        self.report.status[outcome.key] = "waiting"
        for parent in outcome.lost:
            if parent not in self.jobs:
                self._give_up(
                    outcome.key,
                    f"The files of job {parent[:12]}, which it needs, were damaged and have been "
                    "set aside; do that job again first.",
                )
                continue
            # Another child may have found the same, and the parent may be there again.
            known = self.report.status[parent] in ("cached", "done")
            if not known or self.store.folder(parent).exists():
                continue
            self._set_aside(self.jobs[parent])
            if self.report.set_aside.count(parent) < MAX_DAMAGES:
                self.report.status[parent] = "waiting"
            else:
                times = f"{MAX_DAMAGES} times after it was done"
                self._give_up(parent, f"Its files were damaged {times}; check the disk.")

    def _give_up(self, key: str, error: str) -> None:
        """Note that a job has failed; its descendants are skipped by the next schedule."""
        self.report.status[key] = "failed"
        self.report.errors[key] = error
        self._tell("failed", self.jobs[key], error=error)

    def _set_aside(self, job: Job) -> None:
        self.report.set_aside.append(job.key)
        self._tell("set-aside", job)

    def _show(self, *, now: bool = False) -> None:
        if now or time.monotonic() - self._shown >= _TICK_SECONDS:
            self._on_change(self.report)
            self._shown = time.monotonic()
