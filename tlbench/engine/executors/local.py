"""Where jobs run: executors as ``concurrent.futures`` defines them."""

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager

from tlbench.engine.worker import start_worker

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


def default_workers() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def local(workers: int) -> Iterator[Executor]:
    """Yield an executor of ``workers`` spawned processes of one thread each on this machine.

    Leaving the context ends the processes at once, whatever they are doing; a job in progress
    stays in the store's working folder.
    """
    context = multiprocessing.get_context("spawn")
    lifeline, held = context.Pipe(duplex=False)
    executor = ProcessPoolExecutor(
        workers, mp_context=context, initializer=start_worker, initargs=(lifeline,)
    )
    try:
        with _one_thread_each():
            yield executor
    finally:
        held.close()
        executor.shutdown(wait=True, cancel_futures=True)
        lifeline.close()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Limit the threads of numerical libraries in processes that start meanwhile.

    The libraries read the limit when they are loaded, which in a spawned process may be before
    anything of ours: by the imports of the script that runs. In this process, where they are
    loaded already, nothing changes.
    """
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
