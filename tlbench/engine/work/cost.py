"""What a job costs, time and memory; and whether freed memory goes back to the system."""

import ctypes
import platform
import resource
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tlbench.engine.work.devices import accelerator, device_name, instructions
from tlbench.engine.work.interpreters import code_state, environment_digest, package_versions

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_GIBIBYTE = 1 << 30
_OLD_MAXIMUM = 32 << 20
"""Bytes from which on arrays are mapped on their own: the most that an older glibc accepts."""


def keep_freed_memory() -> bool:
    """Let this process keep the memory that it frees, to use it again.

    By default glibc returns the memory of every large array to the system when the array is
    freed, and the next array of that size is faulted in again page by page, cleared by the
    kernel; that was measured to cost 10 to 40 % of a training step on a CPU. Afterwards a
    process stays as large as it once was.

    Returns
    -------
    bool
        Whether the C library does so now; False where it is not glibc.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    mallopt.argtypes = (ctypes.c_int, ctypes.c_int)
    in_the_heap = any(mallopt(_M_MMAP_THRESHOLD, size) for size in (_GIBIBYTE, _OLD_MAXIMUM))
    return in_the_heap and bool(mallopt(_M_TRIM_THRESHOLD, _GIBIBYTE))


def forget_peak(device: str = "cpu") -> None:
    """Give freed memory back, and count the peaks from now on, where Linux allows it.

    Parameters
    ----------
    device
        An accelerator whose peak is counted anew, too.
    """
    if device.startswith("cuda"):
        import torch

        # Before its first use there is no peak, and torch refuses to reset it.
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            torch.cuda.reset_peak_memory_stats(device)
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_mib() -> int:
    """Return the most memory that the process has had since ``forget_peak``, MiB.

    Where the system does not report it, it is the most since the process began.
    """
    with suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def peak_device_mib(device: str) -> int | None:
    """Return the most memory that tensors have had on an accelerator since ``forget_peak``, MiB."""
    if not device.startswith("cuda"):
        return None
    import torch

    return int(torch.cuda.max_memory_allocated(device)) >> 20


@dataclass
class Stopwatch:
    """Measures the cost of a job from when it is made."""

    started: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    _wall: float = field(default_factory=time.perf_counter)
    _cpu: float = field(default_factory=time.process_time)

    def provenance(self, device: str) -> dict[str, Any]:
        """Return the provenance of a job that ends now."""
        import torch

        from tlbench.kernels.library import compiler_flags, describe

        return {
            "started": self.started,
            "wall_seconds": round(time.perf_counter() - self._wall, 3),
            "cpu_seconds": round(time.process_time() - self._cpu, 3),
            "peak_memory_mib": peak_mib(),
            "peak_device_memory_mib": peak_device_mib(device),
            "device": device,
            "device_name": device_name(device),
            **accelerator(device),
            "tf32": None if device == "cpu" else torch.get_float32_matmul_precision() != "highest",
            "threads": torch.get_num_threads(),
            "kernels": describe() if device == "cpu" else "torch",
            "kernel_flags": compiler_flags() if device == "cpu" else None,
            "instructions": instructions(device),
            "python": platform.python_version(),
            "packages": package_versions(),
            "installed": environment_digest(),
            **code_state(),
        }
