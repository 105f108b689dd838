"""An attempt at a job: what is to be done within which limits, and how it ended."""

from dataclasses import dataclass, field
from typing import Any

from tlbench.jobs.base import Job, read_job


@dataclass(frozen=True)
class Limits:
    """What one attempt at a job may use; None: as much as it needs.

    Attributes
    ----------
    seconds
        Wall time.
    memory_mib
        Resident memory of its process.
    """

    seconds: float | None = None
    memory_mib: int | None = None


@dataclass(frozen=True)
class Task:
    """A job, and how it is to be done.

    Attributes
    ----------
    store
        The store's folder.
    device
        "auto", "cpu" or "cuda".
    python
        Interpreter that runs it; None: that of the process that is given the task.
    environment
        Name of the environment that the interpreter was named for, None if none was.
    """

    job: Job
    store: str
    device: str
    limits: Limits = field(default_factory=Limits)
    python: str | None = None
    environment: str | None = None

    def request(self) -> dict[str, Any]:
        """Return what the process that does the job must know, as JSON values."""
        return {
            "job": self.job.written(),
            "store": self.store,
            "device": self.device,
            "environment": self.environment,
        }


def read_request(request: dict[str, Any]) -> Task:
    """Return the task of ``Task.request``; raises InputError as ``read_job``."""
    return Task(
        read_job(request["job"]),
        request["store"],
        request["device"],
        environment=request["environment"],
    )


@dataclass(frozen=True)
class Outcome:
    """How an attempt at a job ended.

    Unless a field says otherwise, the job is in the store now.

    Attributes
    ----------
    reused
        Another runner had finished it in the meantime.
    busy
        Other process that runs it or one of its parents, and since when; empty if there is none.
    lost
        Parents whose files turned out to be damaged and were set aside; it was not done.
    error
        Why it failed: trying again would not help.
    diverged
        Whether it failed because its training ran away, as it always will.
    death
        Why its process ended, or has to end, without a result: trying again may help.
    gpu_lost
        Whether it died because its GPU cannot be used at all, as every job on that GPU would.
    fault
        Why nothing can be put into the store.
    seconds
        Wall time of the attempt that did it.
    """

    key: str
    reused: bool = False
    busy: str = ""
    lost: tuple[str, ...] = ()
    error: str | None = None
    diverged: bool = False
    death: str | None = None
    gpu_lost: bool = False
    fault: str | None = None
    seconds: float | None = None
