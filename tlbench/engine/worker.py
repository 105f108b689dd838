"""What happens in the process that does a job.

At the top this module imports nothing heavy, so that a worker is there at once and imports only
what its jobs need.
"""

import json
import logging
import os
import signal
import textwrap
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tlbench.engine.devices import resolve
from tlbench.engine.memory import forget_peak, keep_freed_memory
from tlbench.engine.provenance import Stopwatch
from tlbench.engine.store import State, Store
from tlbench.errors import TlbenchError
from tlbench.files import PART
from tlbench.jobs.base import KINDS, Context, Job, Progress
from tlbench.seeds import stream

PROGRESS = "progress.json"
LOG = "log.txt"
_PROGRESS_SECONDS = 0.4


@dataclass(frozen=True)
class Outcome:
    """How a job ended: ``error`` is None if it is now in the store.

    ``reused`` says that another runner had finished it in the meantime. If there are ``lost``
    parents, the job was not done: their files turned out to be damaged and were set aside.
    """

    key: str
    error: str | None = None
    reused: bool = False
    lost: tuple[str, ...] = ()


def start_worker(lifeline: Connection) -> None:
    """Prepare a new worker process.

    It keeps the memory that its jobs free, leaves interrupts to the runner, and ends when the
    other end of ``lifeline`` is closed, which happens when the runner stops or dies in whatever
    way.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_freed_memory()

    def watch() -> None:
        with suppress(EOFError, OSError):
            lifeline.recv_bytes()
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="lifeline").start()


def execute(job: Job, root: str, device: str) -> Outcome:
    """Do ``job`` unless the store has it, and put it there.

    Never raises: what goes wrong is part of the outcome, with the traceback in the job's log.
    """
    try:
        store = Store(root)
        with store.lock(job.key):
            if store.state(job.key) is State.FINISHED:
                return Outcome(job.key, reused=True)
            parents = dict.fromkeys(job.parents.values())
            lost = tuple(key for key in parents if not _usable(store, key))
            if lost:
                return Outcome(job.key, lost=lost)
            perform(job, store, device)
    except Exception as error:
        return Outcome(job.key, _one_line(error))
    return Outcome(job.key)


def _usable(store: Store, key: str) -> bool:
    """Read every file of a parent; set the parent aside if one is damaged."""
    state = store.state(key, thorough=True)
    if state is State.DAMAGED:
        store.clear_damaged(key)
        # Whoever held its lock in the meantime may have done it again.
        state = store.state(key, thorough=True)
    return state is State.FINISHED


def perform(
    job: Job, store: Store, requested: str, watch: Callable[[Progress], None] | None = None
) -> None:
    """Do ``job``, whose lock the caller holds, and put it into the store.

    Parameters
    ----------
    watch
        Called with the job's progress, too; it may raise to end the job.
    """
    folder = store.begin(job)
    if store.folder(job.key).exists():
        store.set_aside(job.key)
    log = _log_to(folder / LOG)
    try:
        _settle_process(job)
        kind = KINDS[job.kind]
        device = resolve(requested) if kind.uses_device else "cpu"
        forget_peak()
        stopwatch = Stopwatch()
        log.info("%s: %s", job.kind, job.label)
        parents = {role: store.folder(key) for role, key in job.parents.items()}
        files = {name: Path(path) for name, path in job.files.items()}
        reporter = _Reporter(folder / PROGRESS)

        def report(progress: Progress) -> None:
            reporter(progress)
            if watch is not None:
                watch(progress)

        context = Context(folder, parents, device, report, files)
        context.report(Progress(0, 0))
        result = kind.load()(json.loads(json.dumps(dict(job.config))), context)
        provenance = {**stopwatch.provenance(device), **context.measured}
        log.info("done in %.1f s", provenance["wall_seconds"])
        (folder / PROGRESS).unlink(missing_ok=True)
    except Exception:
        log.error("%s", traceback.format_exc())
        (folder / PROGRESS).unlink(missing_ok=True)
        raise
    finally:
        _close(log)
    store.commit(job, result, provenance)


def _settle_process(job: Job) -> None:
    """Set every piece of global state that numerical code may read.

    One thread, because sums split over several threads round differently: results must not
    depend on how many workers share a machine.
    """
    import torch

    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float32)
    torch.manual_seed(stream("job", job.key))


class _Reporter:
    """Writes a job's progress to a file, now and then."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._started = time.time()
        self._first: int | None = None
        self._next = 0.0

    def __call__(self, progress: Progress) -> None:
        if progress.total and self._first is None:
            # What was done before this attempt, or before the first report, tells no speed.
            self._first, self._started = progress.done, time.time()
        now = time.monotonic()
        if now < self._next and progress.done != progress.total:
            return
        self._next = now + _PROGRESS_SECONDS
        since = {"first": self._first or 0, "started": self._started}
        part = self._path.with_suffix(PART)
        part.write_text(json.dumps({**asdict(progress), **since}))
        part.replace(self._path)


def read_progress(store: Store, key: str) -> Mapping[str, Any] | None:
    """Return what a running job last reported, None if it is not running."""
    try:
        value: Mapping[str, Any] = json.loads((store.working_folder(key) / PROGRESS).read_text())
    except (OSError, ValueError):
        return None
    return value


def _log_to(path: Path) -> logging.Logger:
    log = logging.getLogger("tlbench.job")
    log.setLevel(logging.INFO)
    log.propagate = False
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    return log


def _close(log: logging.Logger) -> None:
    for handler in list(log.handlers):
        handler.close()
        log.removeHandler(handler)


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or "no message"
    if isinstance(error, TlbenchError):
        return text
    return f"{type(error).__name__}: {textwrap.shorten(text, 300)}"
