"""The local executor: real processes, one thread each, gone when the runner is."""

import os
import time

import pytest

from tlbench.engine.executors import default_workers, local


def test_as_many_workers_as_usable_cores():
    assert default_workers() == len(os.sched_getaffinity(0))


@pytest.mark.slow
def test_workers_are_other_processes_with_one_thread_each():
    with local(2) as pool:
        assert pool.submit(os.getpid).result() != os.getpid()
        assert pool.submit(os.getenv, "OMP_NUM_THREADS").result() == "1"


@pytest.mark.slow
def test_leaving_ends_a_worker_in_the_middle_of_its_work():
    started = time.monotonic()
    with local(1) as pool:
        worker = pool.submit(os.getpid).result()
        pool.submit(time.sleep, 60)
    assert time.monotonic() - started < 20
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)
