"""How the jobs of a run are done; none of it changes what they find."""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial

from tlbench.engine.executors import default_workers, local
from tlbench.engine.work.attempts import Limits

ATTEMPTS = 3
"""A job whose process has died this often is given up."""

MakeExecutor = Callable[[], AbstractContextManager[Executor]]


@dataclass(frozen=True)
class Resources:
    """Where jobs are done, and what they may use.

    Attributes
    ----------
    workers
        Jobs at a time on this machine; by default one per core.
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

    def of(self, n_jobs: int) -> tuple[MakeExecutor, int]:
        """Return what makes an executor, and how many jobs it does at a time."""
        if self.executor is not None:
            return self.executor
        workers = min(self.workers or default_workers(), n_jobs)
        return partial(local, workers), workers
