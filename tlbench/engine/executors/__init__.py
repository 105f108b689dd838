"""Where jobs run: executors as ``concurrent.futures`` defines them.

Here the one of this machine, which does a few jobs at a time, each in a process of its own.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

from tlbench.base.errors import InputError
from tlbench.engine.work.devices import gpus_for
from tlbench.engine.work.supervisor import Supervisor, own_supervisor


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


@contextmanager
def local(slots: Sequence[str | None]) -> Iterator[Executor]:
    """Yield an executor of a thread for each slot, with a supervisor of one-thread processes.

    Leaving the context ends the processes at once, whatever they are doing; a job in progress
    stays in the store's working folder.

    Parameters
    ----------
    slots
        The GPU that the processes of each thread are bound to, as `slots` returns them.
    """
    supervisors: list[Supervisor] = []
    free = iter(slots)

    def begin() -> None:
        supervisors.append(own_supervisor(next(free)))

    pool = ThreadPoolExecutor(len(slots), "supervisor", initializer=begin)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for supervisor in supervisors:
            supervisor.close()
        pool.shutdown(wait=True)
