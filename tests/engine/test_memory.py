"""Freed memory is kept: an array as large as one before costs no new pages."""

import platform
import subprocess
import sys

import pytest

REPEATS = 20

FAULTS = f"""
import resource

def fault_in(repeats):
    for _ in range(repeats):
        bytearray(64 << 20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def faults():
    return -fault_in(1) + fault_in({REPEATS})
"""


def faults(prepare):
    script = f"{FAULTS}\n{prepare}\nprint(faults())"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return int(run.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="about glibc")
def test_large_arrays_are_faulted_in_once():
    keep = "from tlbench.engine.memory import keep_freed_memory; assert keep_freed_memory()"
    # Huge pages or not, an array that is mapped anew costs several faults.
    assert faults(keep) < REPEATS <= faults("")


def test_another_c_library_is_left_alone(monkeypatch):
    from tlbench.engine import memory

    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    assert memory.keep_freed_memory() is False
