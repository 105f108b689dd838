"""The local executor: real processes, one thread each, gone when the runner is."""

import os
import subprocess
import sys
import time

import pytest

from tlbench.engine.executors import default_workers, local

SCRIPT = """
import os
AT_IMPORT = os.environ.get("OPENBLAS_NUM_THREADS")

def limit():
    return AT_IMPORT

if __name__ == "__main__":
    from tlbench.engine.executors import local

    with local(1) as pool:
        print(pool.submit(limit).result())
    print(os.environ.get("OPENBLAS_NUM_THREADS"))
"""


def test_as_many_workers_as_usable_cores():
    assert default_workers() == len(os.sched_getaffinity(0))


@pytest.mark.slow
def test_workers_are_other_processes_with_one_thread_each():
    with local(2) as pool:
        assert pool.submit(os.getpid).result() != os.getpid()
        assert pool.submit(os.getenv, "OMP_NUM_THREADS").result() == "1"


@pytest.mark.slow
@pytest.mark.parametrize("own", [None, "7"])
def test_the_limit_holds_for_what_the_running_script_imports_and_goes_with_the_pool(tmp_path, own):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"}
    if own:
        environment["OPENBLAS_NUM_THREADS"] = own
    command = [sys.executable, str(path)]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert run.stdout.split() == ["1", str(own)]


@pytest.mark.slow
def test_a_worker_keeps_the_memory_that_it_frees():
    count = "__import__('resource').getrusage(0).ru_minflt"
    repeats = 20
    with local(1) as pool:
        pool.submit(bytearray, 1).result()
        pool.submit(eval, "len(bytearray(64 << 20))").result()
        before = pool.submit(eval, count).result()
        pool.submit(eval, f"[len(bytearray(64 << 20)) for _ in range({repeats})]").result()
        assert pool.submit(eval, count).result() - before < repeats


@pytest.mark.slow
def test_leaving_ends_a_worker_in_the_middle_of_its_work():
    started = time.monotonic()
    with local(1) as pool:
        worker = pool.submit(os.getpid).result()
        pool.submit(time.sleep, 60)
    assert time.monotonic() - started < 20
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)
