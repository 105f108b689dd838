"""Parsl's interchange, which passes jobs to workers, as a process that lives as long as its runner.

Parsl's own would get the user's Ctrl-C before the runner can give its blocks back, print on the
terminal, and stay for ever if the runner is killed. Workers end when it does.
"""

import os
import runpy
import signal
import sys
import threading
import time
from concurrent.futures import Future, wait
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlbench.engine.executors.parsl.watch import interchange_code

if TYPE_CHECKING:
    from parsl import Config, DataFlowKernel

_TICK_SECONDS = 0.2
_STOP_SECONDS = 15.0


def main(said: str) -> None:
    """Run the interchange; ``said`` is the file that gets what it prints."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(file, 1)
    os.dup2(file, 2)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    runpy.run_module("parsl.executors.high_throughput.interchange", run_name="__main__")


def _end_with(runner: int) -> None:
    while os.getppid() == runner:
        time.sleep(_TICK_SECONDS)
    os._exit(1)


def start(config: "Config") -> "DataFlowKernel":
    """Start Parsl, which would wait long for an interchange that has already ended."""
    from parsl import DataFlowKernel

    for executor in config.executors:
        if getattr(executor, "interchange_launch_cmd", None) == ["interchange.py"]:
            module = "tlbench.engine.executors.parsl.interchange"
            command = [sys.executable, "-m", module, str(_said(config, executor))]
            executor.interchange_launch_cmd = command

    found: Future[DataFlowKernel] = Future()

    def attempt() -> None:
        try:
            found.set_result(DataFlowKernel(config))
        except Exception as error:
            found.set_exception(error)

    threading.Thread(target=attempt, name="parsl-start", daemon=True).start()
    while not wait([found], _TICK_SECONDS).done:
        for executor in config.executors:
            if interchange_code(executor) is not None:
                said = _said(config, executor)
                lines = said.read_text().split("\n") if said.exists() else []
                last = next((line for line in reversed(lines) if line.strip()), "")
                raise RuntimeError(f"its interchange does not start: {last}")
    return found.result()


def _said(config: "Config", executor: Any) -> Path:
    """Return the file for what an executor's interchange prints."""
    return Path(config.run_dir) / f"interchange-{executor.label}.txt"


def stop(kernel: "DataFlowKernel") -> None:
    """Give back all blocks and end what Parsl has started, even if Parsl hangs over it."""

    def clean() -> None:
        with suppress(Exception):
            kernel.cleanup()

    cleaner = threading.Thread(target=clean, name="parsl-cleanup", daemon=True)
    executors = list(kernel.executors.values())
    # Without its interchange an executor would wait for an answer that never comes.
    started = all(interchange_code(executor) is None for executor in executors)
    if started:
        cleaner.start()
        cleaner.join(_STOP_SECONDS)
    for executor in executors:
        if not started or cleaner.is_alive():
            blocks = list(getattr(executor, "blocks_to_job_id", {}).values())
            with suppress(Exception):
                executor.provider.cancel(blocks)
        if getattr(executor, "interchange_proc", None) is not None:
            executor.interchange_proc.kill()
            executor.interchange_proc.wait()


if __name__ == "__main__":
    main(sys.argv[1])
