"""Keeps a process for each interpreter that does jobs, and ends it if it takes too much.

The runner's executors call ``execute``, here or on another machine. A job that crashes, hangs or
eats all memory takes nothing with it but its own process.
"""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tlbench.base.errors import LockedError, StoreError
from tlbench.engine.store.store import Store
from tlbench.engine.work.attempts import Limits, Outcome, Task
from tlbench.engine.work.devices import VISIBLE
from tlbench.engine.work.events import EventLog

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
"""Limits that numerical libraries read when they are loaded."""

_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from tlbench.engine.work.worker import main; main(int(sys.argv[2]))"
)
INTERRUPTED = "the command that ran it was stopped"
"""How a job ended whose runner was stopped."""

_TICK_SECONDS = 0.05
_MOST_OUTPUT = 2000


@contextmanager
def without_interrupts() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach, not even before their first line of Python."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Child:
    """A process that does jobs.

    Parameters
    ----------
    python
        Its interpreter; None stands for this one.
    gpu
        The one GPU that it sees, see `tlbench.engine.work.devices.visible_gpus`; None: those that
        this process sees.
    """

    def __init__(self, python: str | None, gpu: str | None = None) -> None:
        answers, theirs = os.pipe()
        command = [python or sys.executable]
        # Without -P it would import what lies in the current folder.
        foreign, own = (
            ["-P", "-m", "tlbench.engine.work.worker"],
            ["-c", _BOOT, json.dumps(sys.path)],
        )
        command += foreign if python else own
        bound = {} if gpu is None else {VISIBLE: gpu}
        self._answers = answers
        self._buffer = b""
        # What is printed outside of a job, such as why the interpreter does not start.
        self._printed = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            with without_interrupts():
                self._process = subprocess.Popen(
                    [*command, str(theirs)],
                    stdin=subprocess.PIPE,
                    stdout=self._printed,
                    stderr=self._printed,
                    pass_fds=[theirs],
                    env=os.environ | dict.fromkeys(THREAD_VARIABLES, "1") | bound,
                )
        except OSError:
            os.close(answers)
            self._printed.close()
            raise
        finally:
            os.close(theirs)

    def ask(self, request: dict[str, Any]) -> None:
        """Send a request; if the process is gone, ``answer`` will say so."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()

    def answer(self, seconds: float | None) -> dict[str, Any] | None:
        """Return the answer to the request, None if it takes longer.

        Raises
        ------
        EOFError
            If the process ended without one.
        """
        while b"\n" not in self._buffer:
            if not select.select([self._answers], [], [], seconds)[0]:
                return None
            received = os.read(self._answers, 1 << 16)
            if not received:
                raise EOFError
            self._buffer += received
        line, _, self._buffer = self._buffer.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def memory_mib(self) -> int:
        """Return the resident memory of the process, MiB; 0 where the system does not report it."""
        with suppress(OSError, IndexError, ValueError):
            pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
            return pages * os.sysconf("SC_PAGE_SIZE") >> 20
        return 0

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()

    def bury(self) -> str:
        """Wait for the end of the process, free what it held, and say how it ended."""
        code = self._process.wait()
        with suppress(OSError):
            self._process.stdin and self._process.stdin.close()
        os.close(self._answers)
        self._printed.seek(0)
        printed = self._printed.read().decode(errors="replace").strip()[-_MOST_OUTPUT:]
        self._printed.close()
        last = f": {printed.splitlines()[-1]}" if printed else ""
        if code == -signal.SIGKILL:
            return "its process was killed (SIGKILL), as happens when memory runs out"
        if code < 0:
            return f"its process was ended by {signal.Signals(-code).name}{last}"
        return f"its process ended with exit code {code}{last}"


class Supervisor:
    """Has jobs done in processes of its own, one job at a time, bound to a GPU if one is given."""

    def __init__(self, gpu: str | None = None) -> None:
        self.gpu = gpu
        self._children: dict[str | None, Child] = {}
        self._lock = threading.Lock()
        self._working = threading.Lock()
        self._closed = False

    def run(self, task: Task) -> Outcome:
        """Have a job done, within its limits.

        A process that takes too much time or memory is killed, and so is one whose job is
        interrupted or whose GPU has failed; the job's log says why.
        """
        with self._working:
            try:
                child = self._child(task.python)
            except OSError as error:
                return Outcome(task.job.key, error=f"{error.filename}: {error.strerror}")
            # A GPU that is lost is not to be replaced by the CPU unnoticed.
            child.ask(task.request() | ({} if self.gpu is None else {"device": "cuda"}))
            try:
                outcome, breach = self._watched(child, task)
            except EOFError:
                end = self._bury(task.python)
                event = "killed"
                if self._closed:
                    event, end = "interrupted", INTERRUPTED
                self._note(task, event, end)
                return Outcome(task.job.key, death=end)
            except KeyboardInterrupt:
                child.kill()
                self._bury(task.python)
                self._note(task, "interrupted", INTERRUPTED)
                raise
            if breach or outcome.death is not None:
                child.kill()
                self._bury(task.python)
            if breach:
                self._note(task, "killed", breach)
            return outcome

    def close(self) -> None:
        """End the processes at once, whatever they are doing; further jobs die at their start."""
        with self._lock:
            self._closed = True
            for child in self._children.values():
                child.kill()
        with self._working:
            for python in list(self._children):
                self._bury(python)

    def _child(self, python: str | None) -> Child:
        with self._lock:
            if python not in self._children:
                self._children[python] = Child(python, self.gpu)
                if self._closed:
                    self._children[python].kill()
            return self._children[python]

    def _bury(self, python: str | None) -> str:
        with self._lock:
            child = self._children.pop(python)
        return child.bury()

    @staticmethod
    def _watched(child: Child, task: Task) -> tuple[Outcome, str]:
        """Return how a job ended, and how it has broken its limits, if it has.

        Only a job that takes long is worth another try, which may go on from a checkpoint.
        """
        limits, started = task.limits, time.monotonic()
        tick = None if limits == Limits() else _TICK_SECONDS
        while (answer := child.answer(tick)) is None:
            if limits.seconds is not None and time.monotonic() - started > limits.seconds:
                breach = f"it took longer than its limit of {limits.seconds:g} s"
                return Outcome(task.job.key, death=breach), breach
            used = child.memory_mib()
            if limits.memory_mib is not None and used > limits.memory_mib:
                breach = (
                    f"it took too much memory: {used} MiB, its limit is {limits.memory_mib} MiB"
                )
                return Outcome(task.job.key, error=breach), breach
        return Outcome(**{**answer, "lost": tuple(answer["lost"])}), ""

    @staticmethod
    def _note(task: Task, event: str, what: str) -> None:
        """Put the end of a job's process into the job's log."""
        with suppress(StoreError, OSError):
            store = Store(task.store, read_only=True)
            # Another process may have taken over, or done it before this one died.
            with suppress(LockedError), store.lock(task.job.key, wait=False):
                if not store.folder(task.job.key).exists():
                    EventLog(store.begin(task.job)).write(event, what, error=what)


_own = threading.local()


def execute(task: Task) -> Outcome:
    """Have a job done as `delegate` set for this thread, else by a supervisor of its own."""
    if not hasattr(_own, "run"):
        delegate(Supervisor().run)
    run: Callable[[Task], Outcome] = _own.run
    return run(task)


def delegate(run: Callable[[Task], Outcome]) -> None:
    """Let ``run`` do what ``execute`` is asked for in this thread."""
    _own.run = run
