"""Reading a file with Parsl's configuration."""

import runpy
import traceback
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tlbench.base.errors import InputError
from tlbench.engine.executors.parsl.pool import started
from tlbench.engine.executors.parsl.watch import one_line

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
    """Return the most jobs that a configuration does at a time, as far as it tells."""
    total = 0.0
    for executor in config.executors:
        provider = getattr(executor, "provider", None)
        nodes = getattr(provider, "max_blocks", 1) * getattr(provider, "nodes_per_block", 1)
        slots = getattr(executor, "available_accelerators", ())
        total += nodes * (len(slots) or getattr(executor, "max_workers_per_node", MANY))
    return max(1, int(min(total, MANY)))
