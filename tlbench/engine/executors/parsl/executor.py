"""An executor of `concurrent.futures` that hands jobs to Parsl, made from a configuration."""

import os
import runpy
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlbench.base.errors import InputError, TlbenchError
from tlbench.engine.executors.parsl.interchange import start, stop
from tlbench.engine.executors.parsl.watch import Watch, one_line
from tlbench.engine.work.attempts import Outcome, Task

if TYPE_CHECKING:
    from parsl import Config

MANY = 1000
"""Jobs handed over at a time where the number of workers is not known beforehand."""


def parsl_executor(
    path: Path, logs: Path
) -> tuple[Callable[[], AbstractContextManager[Executor]], int]:
    """Return what makes the executor of a configuration, and how many jobs it does at a time.

    Parameters
    ----------
    path
        Python file that defines ``config``, a ``parsl.Config``.
    logs
        Folder for Parsl's own logs, if the configuration names none.

    Raises
    ------
    InputError
        If Parsl is not installed, or the file does not define a configuration.
    """
    config = _read(path)
    if config.run_dir == "runinfo":
        config.run_dir = str(logs.absolute())
    # How often a job is tried is the runner's business.
    config.retries = 0
    return partial(started, config, path), _workers(config)


def _read(path: Path) -> "Config":
    try:
        from parsl import Config
    except ModuleNotFoundError as error:
        raise InputError(
            "--executor parsl: the package 'parsl' is not installed; pip install 'tlbench[parsl]'."
        ) from error
    if not path.is_file():
        raise InputError(f"--parsl-config {path}: there is no such file.")
    try:
        found = runpy.run_path(str(path))
    except (Exception, SystemExit) as error:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [f.lineno for f in frames if f.filename == str(path)]
        line, said = next(reversed(lines), None), one_line(error)
        if isinstance(error, SyntaxError):
            line, said = error.lineno, error.msg
        where = path if line is None else f"{path}:{line}"
        raise InputError(f"{where}: {type(error).__name__}: {said}") from error
    config = found.get("config")
    if not isinstance(config, Config):
        raise InputError(f"{path}: should define 'config', a parsl.Config.")
    return config


def _workers(config: "Config") -> int:
    """Return the most jobs that a configuration does at a time, as far as it says."""
    total = 0.0
    for executor in config.executors:
        provider = getattr(executor, "provider", None)
        nodes = getattr(provider, "max_blocks", 1) * getattr(provider, "nodes_per_block", 1)
        slots = getattr(executor, "available_accelerators", ())
        total += nodes * (len(slots) or getattr(executor, "max_workers_per_node", MANY))
    return max(1, int(min(total, MANY)))


_WATCH_SECONDS = 1.0


@contextmanager
def started(config: "Config", path: Path) -> Iterator[Executor]:
    """Yield an executor; leaving the context gives back all blocks, whatever runs there.

    Raises
    ------
    TlbenchError
        If Parsl does not start.
    """
    from parsl.concurrent import ParslPoolExecutor

    watch = Watch(config)
    # The workers of this machine are scripts that lie beside this interpreter.
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), before])
    try:
        try:
            kernel = start(config)
        except Exception as error:
            raise _refused(path, one_line(error)) from error
        try:
            with _Pool(ParslPoolExecutor(dfk=kernel), path, watch) as pool:
                yield pool
        finally:
            stop(kernel)
    finally:
        os.environ["PATH"] = before


class _Pool(Executor):
    """Separates a lost worker, which is an outcome, from an engine that can do no job at all."""

    def __init__(self, pool: Executor, path: Path, watch: Watch) -> None:
        self._pool, self._path, self._watch = pool, path, watch
        self._waiting: set[Future[Outcome]] = set()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        threading.Thread(target=self._look, name="parsl-watch", daemon=True).start()

    def submit(self, function: Any, /, *arguments: Any, **more: Any) -> "Future[Any]":
        """Hand over ``function(task)``."""
        (task,) = arguments
        future: Future[Outcome] = Future()
        with self._lock:
            self._waiting.add(future)
        try:
            given = self._pool.submit(function, task)
        except Exception as error:
            raise _refused(self._path, one_line(error)) from error
        given.add_done_callback(lambda done: self._settle(future, task, done))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Look after the blocks no more."""
        self._closed.set()

    def _look(self) -> None:
        """Give up where nothing will come any more, which Parsl notes only in its logs."""
        while not self._closed.wait(_WATCH_SECONDS):
            reason = self._watch.stuck(bool(self._waiting))
            if reason is not None:
                with self._lock:
                    waiting, self._waiting = self._waiting, set()
                for future in waiting:
                    future.set_exception(_refused(self._path, reason))

    def _settle(self, future: "Future[Outcome]", task: Task, done: "Future[Outcome]") -> None:
        from parsl.executors.high_throughput.errors import ManagerLost, WorkerLost

        with self._lock:
            if future not in self._waiting:
                return
            self._waiting.remove(future)
        error = done.exception()
        if error is None:
            self._watch.worked()
            future.set_result(done.result())
        elif isinstance(error, ManagerLost | WorkerLost):
            lost = "block of workers" if isinstance(error, ManagerLost) else "worker"
            future.set_result(
                Outcome(task.job.key, death=f"its {lost} on {error.hostname} was lost")
            )
        else:
            reason = self._watch.bad_state() or f"{type(error).__name__}: {one_line(error)}"
            future.set_exception(_refused(self._path, reason))


def _refused(path: Path, reason: str) -> TlbenchError:
    return TlbenchError(
        f"Parsl cannot run jobs with {path}: {reason.rstrip('.')}. What is done is kept; fix the "
        "configuration, then the same command continues from here."
    )
