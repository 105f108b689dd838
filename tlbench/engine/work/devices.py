"""Which device jobs compute on, and what it is."""

import os
import platform
import re
from functools import cache
from pathlib import Path
from typing import Any

from tlbench.base.errors import InputError

DEVICES = ("auto", "cpu", "cuda")

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""Environment variable that says which GPUs a process sees; CUDA reads it when it is loaded."""

_DRIVER_FILES = ("/dev/nvidiactl", "/dev/nvmap", "/dev/dxg", "/dev/kfd")
"""Files that drivers of GPUs make: without them "auto" is the CPU, and torch need not be asked."""

_DRIVER_VERSION = Path("/proc/driver/nvidia/version")


def resolve(device: str) -> str:
    """Turn "auto" into a device that is there: "cuda" if it can be used, else "cpu"."""
    if device != "auto":
        return device
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def has_driver() -> bool:
    """Return whether the driver of a GPU is loaded here, without importing torch."""
    return any(Path(name).exists() for name in _DRIVER_FILES)


def visible_gpus() -> tuple[str, ...]:
    """Return what names each GPU that this process may use, as ``CUDA_VISIBLE_DEVICES`` does.

    These are the names that the user has put into that variable, indices or UUIDs, up to the first
    that is not there, as CUDA reads it; all indices where it is not set. A process sees only one
    MIG instance, however many are named, so the names of MIG instances are taken as they are.
    """
    import torch

    count = torch.cuda.device_count()
    named = os.environ.get(VISIBLE)
    if named is None:
        return tuple(map(str, range(count)))
    names = [name.strip() for name in named.split(",")]
    if count and all(name.startswith("MIG-") for name in names):
        return tuple(dict.fromkeys(names))
    return tuple(names[:count])


def gpus_for(device: str) -> tuple[str, ...]:
    """Return the names of the GPUs that jobs are done on; none on a CPU.

    "cuda" where there is none counts as one: the jobs are planned for another machine.

    Parameters
    ----------
    device
        "auto", "cpu" or "cuda".
    """
    if device == "cpu" or (device == "auto" and not has_driver()):
        return ()
    if resolve("auto") == "cuda":
        return visible_gpus()
    return ("0",) if device == "cuda" else ()


def check_device(device: str) -> None:
    """Refuse a device that is not there.

    Raises
    ------
    InputError
        If ``device`` is unknown, or is "cuda" and there is none.
    """
    if device not in DEVICES:
        raise InputError(f"Unknown device {device!r}; choose one of {', '.join(DEVICES)}.")
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            why = ""
            if torch.version.cuda is None and torch.version.hip is None:
                why = " (this PyTorch was built for CPUs alone)"
            elif VISIBLE in os.environ:
                why = f" ({VISIBLE} is {os.environ[VISIBLE]!r})"
            raise InputError(
                f"--device cuda: no usable CUDA device was found{why}; use --device cpu or auto."
            )


@cache
def device_name(device: str) -> str:
    """Return the model of the processor or accelerator."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    return f"{model}, {os.cpu_count()} cores"


@cache
def accelerator(device: str) -> dict[str, Any]:
    """Return what else than its name is known of an accelerator; nothing of a processor.

    Returns
    -------
    dict
        ``device_memory_mib`` (MiB), ``driver`` and ``cuda``, versions of the driver and of the
        CUDA (or ROCm) that torch was built with; None where the system does not say.
    """
    if not device.startswith("cuda"):
        return {}
    import torch

    return {
        "device_memory_mib": torch.cuda.get_device_properties(device).total_memory >> 20,
        "driver": _driver(),
        "cuda": torch.version.cuda or torch.version.hip,
    }


def _driver() -> str | None:
    """Return the version of NVIDIA's driver, as its kernel module gives it."""
    try:
        found = re.search(r"Kernel Module.*?\s(\d+(?:\.\d+)+)\s", _DRIVER_VERSION.read_text())
    except OSError:
        return None
    return found and found[1]


def instructions(device: str) -> str | None:
    """Return the vector instructions that torch uses on a processor; None on an accelerator."""
    import torch

    return torch.backends.cpu.get_cpu_capability() if device == "cpu" else None
