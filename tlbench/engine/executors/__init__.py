"""Where jobs run: executors as ``concurrent.futures`` defines them.

Here the one of this machine, which does a few jobs at a time, each in a process of its own.
"""

import os
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

from tlbench.engine.work.supervisor import Supervisor, own_supervisor


def default_workers() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def local(workers: int) -> Iterator[Executor]:
    """Yield an executor of ``workers`` threads, each with a supervisor of one-thread processes.

    Leaving the context ends the processes at once, whatever they are doing; a job in progress
    stays in the store's working folder.
    """
    supervisors: list[Supervisor] = []
    pool = ThreadPoolExecutor(
        workers, "supervisor", initializer=lambda: supervisors.append(own_supervisor())
    )
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for supervisor in supervisors:
            supervisor.close()
        pool.shutdown(wait=True)
