"""Where jobs run: executors as ``concurrent.futures`` defines them."""

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager

from tlbench.engine.worker import start_worker


def default_workers() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def local(workers: int) -> Iterator[Executor]:
    """Yield an executor of ``workers`` spawned processes on this machine.

    Leaving the context ends the processes at once, whatever they are doing; a job in progress
    stays in the store's working folder.
    """
    context = multiprocessing.get_context("spawn")
    lifeline, held = context.Pipe(duplex=False)
    executor = ProcessPoolExecutor(
        workers, mp_context=context, initializer=start_worker, initargs=(lifeline,)
    )
    try:
        yield executor
    finally:
        held.close()
        executor.shutdown(wait=True, cancel_futures=True)
        lifeline.close()
