"""What a run leaves in its folder to be followed by: who runs what where, and what happened.

::

    run.json        the suite, the store and the plan in it, the process that runs it
    events.jsonl    what happened to which job; see `tlbench.engine.work.events`
    log.txt         the same for people

Events of a run are "run-started", "run-finished" and "run-stopped"; those of a job, with its key,
"submitted", "finished", "failed", "retried", "set-aside" and "elsewhere" (another process, which is
named, does it).
"""

import os
import platform
from pathlib import Path
from types import TracebackType
from typing import Any

from pydantic import model_validator

from tlbench.base.errors import InputError, LockedError
from tlbench.base.formats import Format
from tlbench.base.locks import Lock
from tlbench.base.schema import Strict
from tlbench.engine.run.runner import Report
from tlbench.engine.work.events import EventLog
from tlbench.jobs.base import Job

RUN = "run.json"
LOCK = ".run.lock"


class Started(Strict):
    """What ``run.json`` says of a run.

    ``plan`` is the name of its plan in the ``store``, ``shard`` which part of the plan it does, of
    how many; ``jobs`` their number, ``at_once`` how many are done at a time. ``host`` and ``pid``
    are those of the process that started it last.
    """

    suite: str
    store: str
    plan: str
    shard: tuple[int, int] | None
    jobs: int
    at_once: int | None = None
    device: str = "auto"
    host: str
    pid: int

    @model_validator(mode="after")
    def _has_such_a_part(self) -> "Started":
        if self.shard and not 1 <= self.shard[0] <= self.shard[1]:
            raise ValueError(f"there is no part {self.shard[0]} of {self.shard[1]}")
        return self


STARTED_FORMAT = Format("description of a run", Started)


def read_started(folder: Path, remedy: str) -> Started:
    """Return what ``run.json`` in the folder of a run says.

    Raises
    ------
    InputError
        If it cannot be read; ``remedy`` is what to do then.
    """
    try:
        return STARTED_FORMAT.read(folder / RUN)
    except InputError as error:
        raise InputError(f"{str(error).rstrip('.')}; {remedy}.") from error


def log_job(log: EventLog, event: str, job: Job, **fields: Any) -> None:
    """Note what happened to a job."""
    said = [f"{name} {value}" for name, value in fields.items() if value not in (None, False)]
    text = ", ".join([job.label, *said])
    log.write(event, text, key=job.key, kind=job.kind, label=job.label, **fields)


class RunLog:
    """Makes the folder of a run, writes its log, and keeps any other run from it meanwhile.

    Parameters
    ----------
    about
        What ``run.json`` says but for the process: JSON values.

    Raises
    ------
    InputError
        If another run is writing to the folder, or nothing can be written to it.
    """

    def __init__(self, folder: Path, about: dict[str, Any]) -> None:
        self._lock = Lock(folder / LOCK, wait=False)
        process = {"host": platform.node(), "pid": os.getpid()}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock.__enter__()
            STARTED_FORMAT.write(folder / RUN, Started(**about, **process))
        except LockedError as error:
            raise InputError(
                f"Another run is writing to {folder} ({error.by}); follow it with 'tlbench status "
                f"{folder}', or choose another folder with --out."
            ) from error
        except OSError as error:
            self._lock.release()
            raise InputError(
                f"The output folder {folder} cannot be written ({error.strerror}); fix that, or "
                "choose another with --out."
            ) from error
        self._log = EventLog(folder)
        self._log.write("run-started", f"{about['suite']}, {about['jobs']} jobs", **process)

    def __call__(self, event: str, job: Job, **fields: Any) -> None:
        """Note what happened to a job."""
        log_job(self._log, event, job, **fields)

    def ended(self, report: Report) -> None:
        """Note that every job has been done, or failed, or skipped."""
        counts = {s: report.count(s) for s in ("done", "cached", "failed", "skipped")}
        text = ", ".join(f"{number} {status}" for status, number in counts.items())
        self._log.write("run-finished", text, **counts)

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            reason = "interrupted" if kind is KeyboardInterrupt else str(error) or kind.__name__
            self._log.write("run-stopped", reason, reason=reason)
        self._lock.release()
