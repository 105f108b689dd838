"""Where jobs run: executors as ``concurrent.futures`` defines them.

Here the one of this machine, which does a few jobs at a time, each in a process of its own.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

from tlbench.base.errors import InputError, TlbenchError
from tlbench.engine.work.attempts import Outcome, Task
from tlbench.engine.work.devices import gpus_for
from tlbench.engine.work.supervisor import INTERRUPTED, Supervisor, delegate


def default_workers() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def slots(
    device: str, workers: int | None = None, workers_per_gpu: int | None = None
) -> list[str | None]:
    """Return for each worker of this machine the GPU that it is bound to; None on a CPU.

    By default there is one worker for each GPU, and on a CPU one for each core. Workers are dealt
    out to the GPUs in turn.

    Parameters
    ----------
    device
        "auto", "cpu" or "cuda".
    workers, workers_per_gpu
        How many there are in all, or on each GPU.

    Raises
    ------
    InputError
        If workers per GPU are asked for where no GPU is used, or both numbers are given.
    """
    gpus = gpus_for(device)
    if workers_per_gpu is not None:
        if workers is not None:
            raise InputError("--workers and --workers-per-gpu both say how many; give one of them.")
        if not gpus:
            raise InputError(
                "--workers-per-gpu: jobs would be done on the CPU, as that was asked for or no "
                "usable CUDA device was found; use --workers."
            )
    count = workers or len(gpus) * (workers_per_gpu or 1) or default_workers()
    return [gpus[n % len(gpus)] if gpus else None for n in range(count)]


class _Workers:
    """The supervisors of this machine, without those whose GPU cannot be used."""

    def __init__(self, slots: Sequence[str | None]) -> None:
        self._all = [Supervisor(gpu) for gpu in slots]
        # The last that was given back, whose process is there, is the next that is taken.
        self._free = self._all[::-1]
        self._lost: dict[str, str] = {}
        self._changed = threading.Condition()
        self._closed = False

    def run(self, task: Task) -> Outcome:
        """Have a job done by a supervisor that is free, or wait for one."""
        with self._changed:
            self._changed.wait_for(lambda: self._free or self._closed or not self._usable())
            if self._closed:
                return Outcome(task.job.key, death=INTERRUPTED)
            self._check()
            supervisor = self._free.pop()
        lost = None
        try:
            outcome = supervisor.run(task)
            lost = outcome.death if outcome.gpu_lost else None
        finally:
            self._give_back(supervisor, lost)
        if lost is not None:
            self._check()
        return outcome

    def _give_back(self, supervisor: Supervisor, lost: str | None) -> None:
        with self._changed:
            if lost is not None and supervisor.gpu is not None:
                self._lost[supervisor.gpu] = lost
            self._free.append(supervisor)
            self._free = [each for each in self._free if each.gpu not in self._lost]
            self._changed.notify_all()

    def _usable(self) -> bool:
        return any(each.gpu not in self._lost for each in self._all)

    def _check(self) -> None:
        if not self._usable():
            raise TlbenchError(
                f"No job can be run on any GPU of {', '.join(self._lost)} any more (of the last "
                f"job, {next(reversed(self._lost.values()))}). What is done is kept; once "
                "nvidia-smi lists a GPU again, the same command continues from here."
            )

    def close(self) -> None:
        """End all processes at once, whatever they are doing."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for supervisor in self._all:
            supervisor.close()


@contextmanager
def local(slots: Sequence[str | None]) -> Iterator[Executor]:
    """Yield an executor of a thread for each slot, with supervisors of one-thread processes.

    A GPU that cannot be used at all gets no more jobs; if none is left, the executor raises
    TlbenchError. Leaving the context ends the processes at once, whatever they are doing; a job in
    progress stays in the store's working folder.

    Parameters
    ----------
    slots
        The GPU that the processes of each supervisor are bound to, as `slots` returns them.
    """
    workers = _Workers(slots)
    pool = ThreadPoolExecutor(
        len(slots), "supervisor", initializer=delegate, initargs=(workers.run,)
    )
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        workers.close()
        pool.shutdown(wait=True)
