"""Other processes that hold a lock, alive, stopped and dead."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faulty import wait_for

from tlbench.base.holders import Holder, this_process, written
from tlbench.base.locks import Way

_HOLD = """
import sys
from pathlib import Path
from tlbench.base.locks import Lock, Way
with Lock(Path(sys.argv[1]), Way(sys.argv[2])):
    print(flush=True)
    sys.stdin.read()
"""


@contextmanager
def held(path: Path, way: Way = Way.FLOCK) -> Iterator[int]:
    """Have another process hold a lock, and yield its number."""
    command = [sys.executable, "-c", _HOLD, str(path), way.value]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline()
        yield process.pid
    finally:
        process.kill()
        process.communicate()


def stop(pid: int) -> None:
    """Stop a process, and wait until it is."""
    os.kill(pid, signal.SIGSTOP)
    stat = Path(f"/proc/{pid}/stat")
    wait_for(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", "it to stop", 10)


def like_this(**changes: object) -> Holder:
    """Return this process as a holder, with changes."""
    return this_process().model_copy(update=changes)


def dead() -> Holder:
    """Return a process of this machine that has ended; its number may be in use again."""
    return like_this(started=1)


def leave(path: Path, holder: Holder) -> None:
    """Let a file name a holder, as one leaves it that is killed."""
    path.write_bytes(written(holder))
