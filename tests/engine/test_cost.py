"""Memory: what is freed is kept, and the most that a job takes is its own."""

import platform
import subprocess
import sys

import pytest
from fake_jobs import FakeKind

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
    keep = "from tlbench.engine.work.cost import keep_freed_memory; assert keep_freed_memory()"
    # Huge pages or not, an array that is mapped anew costs several faults.
    assert faults(keep) < REPEATS <= faults("")


def test_another_c_library_is_left_alone(monkeypatch):
    from tlbench.engine.work import cost

    monkeypatch.setattr(cost.ctypes, "CDLL", lambda name: object())
    assert cost.keep_freed_memory() is False


class Cuda:
    """Stands for ``torch.cuda``: an allocator whose peak stays until it is reset."""

    def __init__(self, initialised=True):
        self.peak, self.initialised = 7 << 30, initialised

    def is_initialized(self):
        return self.initialised

    def reset_peak_memory_stats(self, device):
        # As torch does before its first use of the device.
        assert self.initialised, f"Invalid device argument {device}: did you call init?"
        self.peak = 0

    def max_memory_allocated(self, device):
        return self.peak


def test_the_peak_of_an_accelerator_is_that_of_the_job_and_not_of_one_before(monkeypatch):
    import torch

    from tlbench.engine.work.cost import forget_peak, peak_device_mib

    cuda = Cuda()
    monkeypatch.setattr(torch, "cuda", cuda)
    forget_peak("cuda")
    cuda.peak = max(cuda.peak, 3 << 20)
    assert peak_device_mib("cuda") == 3
    monkeypatch.setattr(torch, "cuda", Cuda(initialised=False))
    forget_peak("cuda")


def test_a_job_on_an_accelerator_resets_its_peak_first(monkeypatch, tmp_path):
    import torch

    from tlbench.engine.store.store import Store
    from tlbench.engine.work.worker import perform
    from tlbench.jobs import base

    cuda = Cuda()
    monkeypatch.setattr(torch, "cuda", cuda)
    monkeypatch.setattr("tlbench.engine.work.cost.device_name", lambda device: "an accelerator")
    kind = FakeKind(lambda config, context: {"peak": cuda.peak}, uses_device=True)
    monkeypatch.setitem(base.KINDS, "sum", kind)
    monkeypatch.setattr("tlbench.engine.work.worker.settle_process", lambda kind, config: None)
    store, job = Store(tmp_path), base.Job("sum", {})
    perform(job, store, "cuda")
    assert store.provenance(job.key).peak_device_memory_mib == 0
