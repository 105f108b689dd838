"""Which device jobs compute on, and what it is."""

import os
import platform
from functools import cache
from pathlib import Path

from tlbench.base.errors import InputError

DEVICES = ("auto", "cpu", "cuda")


def resolve(device: str) -> str:
    """Turn "auto" into a device that is there: "cuda" if it can be used, else "cpu"."""
    if device != "auto":
        return device
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


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
            raise InputError(
                "--device cuda: no usable CUDA device was found; use --device cpu or auto."
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


def instructions(device: str) -> str | None:
    """Return the vector instructions that torch uses on a processor; None on an accelerator."""
    import torch

    return torch.backends.cpu.get_cpu_capability() if device == "cpu" else None
