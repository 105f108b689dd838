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

_TICK_SECONDS = 1.0


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


if __name__ == "__main__":
    main(sys.argv[1])
