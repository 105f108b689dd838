"""Memory: what is freed is kept, and the most that a job takes is its own."""

import platform
import subprocess
import sys
from types import SimpleNamespace

import pytest
from fake_jobs import FakeKind

from tlbench.engine.store.provenance import Provenance
from tlbench.engine.work import devices

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

    def get_device_name(self, device):
        return "NVIDIA H100 80GB HBM3"

    def get_device_properties(self, device):
        return SimpleNamespace(total_memory=81559 << 20)


@pytest.fixture(autouse=True)
def _other_devices():
    """Forget the devices that were pretended: what one is is asked once in a process."""
    yield
    devices.device_name.cache_clear()
    devices.accelerator.cache_clear()


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
    kind = FakeKind(lambda config, context: {"peak": cuda.peak}, uses_device=True)
    monkeypatch.setitem(base.KINDS, "sum", kind)
    monkeypatch.setattr("tlbench.engine.work.worker.settle_process", lambda kind, config: None)
    store, job = Store(tmp_path), base.Job("sum", {})
    perform(job, store, "cuda")
    assert store.provenance(job.key).peak_device_memory_mib == 0


MODULE = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024\n"
OPEN_MODULE = (
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build  (builder)\n"
    "GCC version:  gcc version 12.2.0 (Debian 12.2.0-14)\n"
)


@pytest.mark.parametrize(
    ("told", "driver"), [(MODULE, "550.54.15"), (OPEN_MODULE, "570.86.15"), (None, None)]
)
@pytest.mark.parametrize("tf32", [False, True])
def test_provenance_names_the_accelerator_its_driver_and_rounding(
    monkeypatch, tmp_path, told, driver, tf32
):
    import torch

    from tlbench.engine.work.cost import Stopwatch
    from tlbench.results.provenance import JobProvenance
    from tlbench.training.precision import tensor_float_32

    file = tmp_path / "version"
    if told is not None:
        file.write_text(told)
    monkeypatch.setattr(devices, "_DRIVER_VERSION", file)
    monkeypatch.setattr(torch, "cuda", Cuda())
    monkeypatch.setattr(torch.version, "cuda", "12.4")
    with tensor_float_32(tf32):
        found = Provenance(**Stopwatch().provenance("cuda"))
    assert (found.device_name, found.device_memory_mib) == ("NVIDIA H100 80GB HBM3", 81559)
    assert (found.driver, found.cuda, found.tf32) == (driver, "12.4", tf32)
    assert (found.kernels, found.kernel_flags) == ("torch", None)
    about = {"job": "0" * 64, "kind": "train", "label": "a training"}
    shown = JobProvenance.model_validate({**about, **found.model_dump(exclude_unset=True)})
    assert (shown.driver, shown.cuda, shown.tf32) == (driver, "12.4", tf32)
    assert shown.device_memory_mib == 81559


def test_provenance_names_the_compiler_of_the_kernels_and_its_flags(monkeypatch):
    from tlbench.engine.work.cost import Stopwatch
    from tlbench.kernels import library

    found = Provenance(**Stopwatch().provenance("cpu"))
    assert (found.driver, found.cuda, found.tf32, found.device_memory_mib) == (None,) * 4
    compiled = found.kernels != "torch"
    assert ("-O3" in (found.kernel_flags or "")) == compiled
    monkeypatch.setenv(library.SWITCH, "off")
    found = Provenance(**Stopwatch().provenance("cpu"))
    assert (found.kernels, found.kernel_flags) == ("torch (switched off)", None)
