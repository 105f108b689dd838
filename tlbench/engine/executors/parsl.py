"""Jobs on a cluster, through Parsl (Babuji et al., HPDC 2019, doi:10.1145/3307681.3325400).

Parsl asks the scheduler for blocks of nodes, starts workers there and sends them jobs. A worker
needs the same tlbench, and the store at the same path.
"""

import os
import runpy
import sys
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlbench.engine.task import Outcome, Task
from tlbench.errors import InputError, TlbenchError, printable

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
    return partial(_started, config, path), _workers(config)


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
        line = error.lineno if isinstance(error, SyntaxError) else next(reversed(lines), None)
        where = path if line is None else f"{path}:{line}"
        raise InputError(f"{where}: {type(error).__name__}: {_one_line(error)}") from error
    config = found.get("config")
    if not isinstance(config, Config):
        raise InputError(f"{path}: should define 'config', a parsl.Config.")
    return config


def _workers(config: "Config") -> int:
    """Return the most jobs that a configuration does at a time, as far as it tells."""
    total = 0.0
    for executor in config.executors:
        provider = getattr(executor, "provider", None)
        nodes = getattr(provider, "max_blocks", 1) * getattr(provider, "nodes_per_block", 1)
        slots = getattr(executor, "available_accelerators", ())
        total += nodes * (len(slots) or getattr(executor, "max_workers_per_node", MANY))
    return max(1, int(min(total, MANY)))


@contextmanager
def _started(config: "Config", path: Path) -> Iterator[Executor]:
    """Yield an executor; leaving the context gives back all blocks, whatever runs there."""
    from parsl import DataFlowKernel
    from parsl.concurrent import ParslPoolExecutor

    # The workers of this machine are scripts that lie beside this interpreter.
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), before])
    try:
        try:
            kernel = DataFlowKernel(config)
        except Exception as error:
            raise _refused(path, error) from error
        try:
            yield _Translated(ParslPoolExecutor(dfk=kernel), path)
        finally:
            # Blocks that never came cannot be given back.
            with suppress(Exception):
                kernel.cleanup()
    finally:
        os.environ["PATH"] = before


class _Translated(Executor):
    """Tells a lost worker, which is an outcome, from an engine that can do no job at all."""

    def __init__(self, pool: Executor, path: Path) -> None:
        self._pool, self._path = pool, path

    def submit(self, function: Any, /, *arguments: Any, **more: Any) -> "Future[Any]":
        """Hand over ``function(task)``."""
        (task,) = arguments
        future: Future[Outcome] = Future()
        try:
            given = self._pool.submit(function, task)
        except Exception as error:
            raise _refused(self._path, error) from error
        given.add_done_callback(lambda done: self._settle(future, task, done))
        return future

    def _settle(self, future: "Future[Outcome]", task: Task, done: "Future[Outcome]") -> None:
        from parsl.executors.high_throughput.errors import ManagerLost, WorkerLost

        error = done.exception()
        if error is None:
            future.set_result(done.result())
        elif isinstance(error, ManagerLost | WorkerLost):
            lost = "block of workers" if isinstance(error, ManagerLost) else "worker"
            future.set_result(
                Outcome(task.job.key, death=f"its {lost} on {error.hostname} was lost")
            )
        else:
            future.set_exception(_refused(self._path, error))


def _refused(path: Path, error: BaseException) -> TlbenchError:
    return TlbenchError(
        f"Parsl can do no job with {path}: {_one_line(error)}. What is done is kept; mend the "
        "configuration, then the same command goes on from here."
    )


def _one_line(error: BaseException) -> str:
    text = printable(" ".join(str(error).split())) or type(error).__name__
    return text if len(text) <= 400 else f"{text[:400]}…"
