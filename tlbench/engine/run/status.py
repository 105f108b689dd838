"""State of a run, read from its folder and its store, also while it goes on."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tlbench.base.errors import InputError
from tlbench.base.holders import Holder
from tlbench.base.locks import Lock
from tlbench.engine.run.run_log import LOCK, RUN, Started, read_started
from tlbench.engine.store.plans import plans_folder, read_plan
from tlbench.engine.store.store import Store
from tlbench.engine.work.events import EVENTS, LOG, read_events, read_progress
from tlbench.jobs.base import Job
from tlbench.study.shards import part

STATES = ("finished", "running", "waiting", "failed", "skipped")

_TAIL_BYTES = 16 << 10


@dataclass(frozen=True)
class Followed:
    """A run that can be looked at: what its ``run.json`` says, its store, and its jobs by key."""

    folder: Path
    about: Started
    store: Store
    jobs: Mapping[str, Job]


@dataclass(frozen=True)
class Status:
    """State of a run.

    Attributes
    ----------
    alive
        Whether a process is running it.
    ending
        The last event of the run itself: "run-started", "run-finished" or "run-stopped".
    reason
        Why it stopped.
    states
        State of each job by key: one of ``STATES``. What is finished is not verified here.
    progress
        What the running jobs have reported last, by key.
    elsewhere
        Who does the jobs that this run waits for, and whose process is stopped, by key.
    errors
        Why jobs failed, by key.
    done, seconds
        Keys of the jobs that this run has done since it was started the last time, and how long it
        has been at it.
    """

    alive: bool
    ending: str
    reason: str
    states: Mapping[str, str]
    progress: Mapping[str, Mapping[str, Any]]
    elsewhere: Mapping[str, str]
    errors: Mapping[str, str]
    done: Sequence[str]
    seconds: float

    def left_seconds(self, predicted: Mapping[str, float]) -> float | None:
        """Return how long the rest takes at the pace of what has been done; None if unknown.

        Jobs that are not among the predicted ones (`unpredicted`) are left out; where they are
        all that is left, nothing is known.

        Parameters
        ----------
        predicted
            How long jobs take, s, by key, as far as known; only their ratios matter.
        """
        done, left = sum(predicted.get(key, 0.0) for key in self.done), 0.0
        for key in self._rest:
            first, now = self._parts(key)
            done += predicted.get(key, 0.0) * (now - first)
            left += predicted.get(key, 0.0) * (1 - now)
        if not done or (self._rest and self.unpredicted(predicted) == len(self._rest)):
            return None
        return self.seconds * left / done

    def unpredicted(self, predicted: Mapping[str, float]) -> int:
        """Return how many jobs that are left are like none whose time is known."""
        return sum(key not in predicted for key in self._rest)

    @property
    def _rest(self) -> list[str]:
        return [key for key, state in self.states.items() if state in ("running", "waiting")]

    def _parts(self, key: str) -> tuple[float, float]:
        """Return which part of a job was done at its start, and is now, as far as it reported."""
        found = self.progress.get(key)
        if not (found and found["total"]):
            return 0.0, 0.0
        return (found["first"] or 0) / found["total"], found["done"] / found["total"]


def follow(run: str) -> Followed:
    """Return the run in a folder, or that of the suite of this name in ``runs``.

    Raises
    ------
    InputError
        If there is none, or its files cannot be read.
    StoreError
        If its store or its plan cannot be read.
    """
    folder = next((f for f in (Path(run), Path("runs") / run) if (f / RUN).is_file()), None)
    if folder is None:
        raise InputError(f"{run} is not a folder of a run (it has no {RUN}), nor is runs/{run}.")
    about = read_started(folder, "the command that started the run writes it again")
    store = Store(Path(about.store), read_only=True)
    jobs = read_plan(plans_folder(store) / Path(about.plan).name)
    return Followed(folder, about, store, part(jobs, *about.shard) if about.shard else jobs)


def status_of(run: Followed) -> Status:
    """Return the state of a run."""
    holder = Lock(run.folder / LOCK).holder()
    events, alive = _own_events(run, holder), holder is not None
    errors = _errors(run, events)
    states = _states(run, errors)
    running = [key for key, state in states.items() if state == "running"]
    progress = {key: found for key in running if (found := read_progress(run.store, key))}
    own = [e for e in events if str(e["event"]).startswith("run-")]
    done = [e for e in events if e["event"] == "finished" and not e.get("reused")]
    return Status(
        alive=alive,
        ending=str(own[-1]["event"]) if own else "run-started",
        reason=str(own[-1].get("reason", "")) if own else "",
        states=states,
        progress=progress,
        elsewhere=_elsewhere(run.store, events, running),
        errors=errors,
        done=[str(event.get("key")) for event in done],
        seconds=_elapsed(events, alive),
    )


def log_of(run: Followed, key: str, name: str = LOG) -> Path | None:
    """Return a log of a job, None if it was never begun."""
    folders = (run.store.folder(key), run.store.working_folder(key))
    return next((f / name for f in folders if (f / name).is_file()), None)


def tail(path: Path, lines: int) -> list[str]:
    """Return the last lines of a text."""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - _TAIL_BYTES))
        return file.read().decode("utf-8", errors="replace").splitlines()[-lines:]


def pick(run: Followed, wanted: str) -> Job:
    """Return the job whose key begins so, or whose label is or has ``wanted``.

    Raises
    ------
    InputError
        If there is none, or several.
    """
    ways = (
        lambda job: job.key.startswith(wanted),
        lambda job: job.label == wanted,
        lambda job: job.label.startswith(wanted),
        lambda job: wanted in job.label,
    )
    for fits in ways:
        found = [job for job in run.jobs.values() if fits(job)]
        if len(found) == 1:
            return found[0]
        if found:
            some = "; ".join(f"{job.key[:12]} {job.label}" for job in found[:3])
            raise InputError(f"{len(found)} jobs are called {wanted!r}: {some}; give more of it.")
    raise InputError(f"No job of this run has the key or the label {wanted!r}.")


def _own_events(run: Followed, holder: Holder | None) -> list[dict[str, Any]]:
    """Return the events since the run was started the last time.

    There are none until its process, which first holds the folder and then is named in
    ``run.json``, has written that it began.
    """
    process = (run.about.host, run.about.pid)
    if holder is not None and (holder.host, holder.pid) != process:
        return []
    events: list[dict[str, Any]] = []
    for event in read_events(run.folder / EVENTS):
        if event["event"] == "run-started":
            events.clear()
        events.append(event)
    begun = bool(events) and (events[0].get("host"), events[0].get("pid"))
    return events if begun == process else []


def _errors(run: Followed, events: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    failed = (e for e in events if e["event"] == "failed" and str(e.get("key")) in run.jobs)
    return {str(e["key"]): str(e.get("error", "")) for e in failed}


def _states(run: Followed, errors: Mapping[str, str]) -> dict[str, str]:
    finished, begun = run.store.finished(), run.store.begun()
    states: dict[str, str] = {}
    for key, job in run.jobs.items():
        if key in finished:
            states[key] = "finished"
        elif key in errors:
            states[key] = "failed"
        elif key in begun and run.store.is_locked(key):
            states[key] = "running"
        else:
            lost = any(states.get(p) in ("failed", "skipped") for p in job.parents.values())
            states[key] = "skipped" if lost else "waiting"
    return states


def _elsewhere(
    store: Store, events: Sequence[Mapping[str, Any]], running: Sequence[str]
) -> dict[str, str]:
    """Return who does the jobs that the run left to others, or is stopped while it does one."""
    last = {str(event.get("key")): event["event"] for event in events}
    found = {}
    for key in running:
        holder = store.holder(key)
        if holder is not None and (last.get(key) == "elsewhere" or holder.stopped):
            found[key] = store.lock(key).explain(holder)
    return found


def _elapsed(events: Sequence[Mapping[str, Any]], alive: bool) -> float:
    """Return how long a run has been at it, from clocks that do not jump as far as there are."""
    if not events:
        return 0.0
    seconds = events[-1].get("elapsed")
    if not (isinstance(seconds, int | float) and math.isfinite(seconds) and seconds > 0):
        seconds = 0.0
    if alive:
        try:
            last = datetime.fromisoformat(str(events[-1]["time"]))
            seconds += max(0.0, (datetime.now(UTC) - last).total_seconds())
        except (KeyError, ValueError, TypeError):
            pass
    return float(seconds)
