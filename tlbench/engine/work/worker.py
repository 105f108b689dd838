"""Doing one job in this process, and the process that does jobs one after another.

That process is started by `tlbench.engine.work.supervisor` with the interpreter that the jobs need.
A request is a line of JSON on its standard input, an answer is one on the pipe it was given;
nothing is pickled, so that interpreters of different versions understand each other. It ends when
its input does, which happens when the supervisor stops or dies in whatever way.

At the top this module imports nothing heavy, so that a worker is there at once and imports only
what its jobs need.
"""

import errno
import faulthandler
import json
import os
import platform
import signal
import sys
import textwrap
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue

from tlbench.base.errors import DivergedError, LockedError, StoreError, TlbenchError
from tlbench.engine.store.store import State, Store
from tlbench.engine.work.attempts import Outcome, Task, read_request
from tlbench.engine.work.cost import Stopwatch, forget_peak, keep_freed_memory
from tlbench.engine.work.devices import device_name, resolve
from tlbench.engine.work.events import EVENTS, LOG, PROGRESS, EventLog, Reporter, read_events
from tlbench.engine.work.gpu_errors import gpu_death, gpu_not_started
from tlbench.engine.work.interpreters import describe
from tlbench.jobs.base import KINDS, Job
from tlbench.jobs.context import Context, Progress, settle_process
from tlbench.jobs.sources import check_imported, check_planned

STARTED = "started"
_PRINTING = (1, 2)
"""File descriptors of standard output and standard error."""

_STORE_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE)
_FULL = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT))


def attempt(task: Task, *, capture: bool = False) -> Outcome:
    """Do the job of ``task`` unless the store has it, and put it there.

    What goes wrong is part of the outcome, with the traceback in the job's log.

    Parameters
    ----------
    capture
        Put what the job prints, and what is printed if the process crashes, into the job's log.
    """
    job = task.job
    seconds = None
    elsewhere: dict[str, float] = {}
    try:
        store = Store(task.store)
    except StoreError as error:
        return Outcome(job.key, fault=getattr(error.__cause__, "strerror", None) or str(error))
    try:
        with store.lock(job.key, wait=False):
            if store.state(job.key, job=job) is State.FINISHED:
                if not job.measures_device:
                    return Outcome(job.key, reused=True)
                elsewhere = store.provenance(job.key).force_calls()
                if device_name(resolve(task.device)) in elsewhere:
                    return Outcome(job.key, reused=True)
            parents = dict.fromkeys(job.parents.values())
            lost = tuple(key for key in parents if not _usable(store, key))
            if lost:
                return Outcome(job.key, lost=lost)
            with captured(store.begin(job) / LOG) if capture else nullcontext():
                seconds = perform(job, store, task.device, task.environment, elsewhere)
    except LockedError as error:
        return Outcome(job.key, busy=error.by)
    except Exception as error:
        return _failure(job.key, store, error)
    return Outcome(job.key, reused=seconds is None, seconds=seconds)


def _failure(key: str, store: Store, error: Exception) -> Outcome:
    """Return whether the job failed, the GPU did, or nothing more can be put into the store."""
    if (death := gpu_death(error)) is not None:
        return Outcome(key, death=death, gpu_lost=gpu_not_started(error))
    if isinstance(error, OSError) and error.errno in _STORE_FAULTS:
        return Outcome(key, fault=error.strerror)
    # Libraries report a full disk by errors of their own.
    for text in _FULL:
        if text in str(error):
            return Outcome(key, fault=text)
    try:
        store.probe()
    except OSError as fault:
        return Outcome(key, fault=fault.strerror)
    return Outcome(key, error=_one_line(error), diverged=isinstance(error, DivergedError))


def _usable(store: Store, key: str) -> bool:
    """Read every file of a parent; set the parent aside if one is damaged.

    Raises
    ------
    LockedError
        If one is damaged and another process works on the parent.
    """
    state = store.state(key, thorough=True)
    if state is State.DAMAGED:
        store.clear_damaged(key)
        # Another process may have done it again in the meantime.
        state = store.state(key, thorough=True)
    return state is State.FINISHED


def perform(
    job: Job,
    store: Store,
    requested: str,
    environment: str | None = None,
    elsewhere: Mapping[str, float] | None = None,
) -> float | None:
    """Do ``job``, whose lock the caller holds, put it into the store, and return its wall seconds.

    Return None if another process has finished it meanwhile.

    Parameters
    ----------
    environment
        Name of the environment that this interpreter was named for.
    elsewhere
        What a job that measures its device has found on others: name → time of a force call, s.
    """
    folder = store.begin(job)
    if not elsewhere and store.folder(job.key).exists():
        store.set_aside(job.key)
    attempts = 1 + sum(event["event"] == STARTED for event in read_events(folder / EVENTS))
    log = EventLog(folder)
    at = {"host": platform.node(), "pid": os.getpid(), "environment": environment}
    log.write(STARTED, job.label, key=job.key, kind=job.kind, attempt=attempts, **at)
    try:
        check_planned(job)
        kind = KINDS[job.kind]
        settle_process(job.kind, kind.seed_of(job.config))
        device = resolve(requested) if kind.uses_device else "cpu"
        forget_peak(device)
        stopwatch = Stopwatch()
        parents = {role: store.folder(key) for role, key in job.parents.items()}
        files = {name: Path(path) for name, path in job.files.items()}
        reporter = Reporter(folder / PROGRESS)
        begun = False

        def report(progress: Progress) -> None:
            nonlocal begun
            if progress.done and not begun:
                begun = True
                check_imported(job)
            reporter(progress)

        context = Context(folder, parents, device, report, files)
        context.report(Progress(0, 0))
        result = kind.perform(job.config, context)
        check_imported(job)
        provenance = {
            **stopwatch.provenance(device),
            **context.measured,
            "environment": environment,
            "attempts": attempts,
        }
        if elsewhere:
            provenance["force_calls_elsewhere"] = dict(elsewhere)
        seconds = provenance["wall_seconds"]
        log.write("finished", f"{job.label}, {seconds:.1f} s", seconds=seconds, device=device)
        (folder / PROGRESS).unlink(missing_ok=True)
    except Exception as error:
        trace = traceback.format_exc()
        log.write("failed", trace, error=_one_line(error), traceback=trace)
        (folder / PROGRESS).unlink(missing_ok=True)
        raise
    committed = store.commit(job, result, provenance, replaces=bool(elsewhere))
    return float(seconds) if committed else None


@contextmanager
def captured(path: Path) -> Iterator[None]:
    """Append what this process prints to a file, even if it is C code that prints."""
    with path.open("ab", buffering=0) as file:
        kept = [os.dup(number) for number in _PRINTING]
        for number in _PRINTING:
            os.dup2(file.fileno(), number)
    try:
        yield
    finally:
        for stream_ in (sys.stdout, sys.stderr):
            stream_.flush()
        for number, copy in zip(_PRINTING, kept, strict=True):
            os.dup2(copy, number)
            os.close(copy)


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or "no message"
    if isinstance(error, TlbenchError):
        return text
    return f"{type(error).__name__}: {textwrap.shorten(text, 300)}"


def main(answers: int) -> None:
    """Run what is asked for until the process that asks has ended.

    Interrupts are left to the runner, and memory that jobs free is kept.

    Parameters
    ----------
    answers
        File descriptor of the pipe for answers.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    keep_freed_memory()
    os.set_inheritable(answers, False)
    requests: SimpleQueue[str] = SimpleQueue()
    incoming = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    threading.Thread(target=_listen, args=(incoming, requests), daemon=True).start()
    with os.fdopen(answers, "w", encoding="utf-8") as file:
        while True:
            task = read_request(json.loads(requests.get()))
            outcome = attempt(task, capture=True)
            file.write(json.dumps(asdict(outcome)) + "\n")
            file.flush()


def _listen(incoming: int, requests: "SimpleQueue[str]") -> None:
    """Pass requests on, and end the process when no more can come."""
    with os.fdopen(incoming, encoding="utf-8") as file:
        for line in file:
            requests.put(line)
    os._exit(1)


if __name__ == "__main__":
    if sys.argv[1:] == ["describe"]:
        sys.stdout.write(json.dumps(describe()) + "\n")
    else:
        main(int(sys.argv[1]))
