"""Where a result comes from: code, packages, machine, cost."""

import os
import platform
import subprocess
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, model_validator

from tlbench.base.schema import Strict
from tlbench.engine.work.interpreters import environment_digest
from tlbench.engine.work.memory import peak_device_mib, peak_mib

PACKAGES = (
    "tlbench",
    "torch",
    "torch-geometric",
    "e3nn",
    "nequip",
    "mace-torch",
    "numpy",
    "scipy",
    "ase",
    "vesin",
)


LARGEST = 10**12
Amount = Annotated[float, Field(ge=0, le=LARGEST)]
Count = Annotated[int, Field(ge=0, le=LARGEST)]
Word = Annotated[str, Field(max_length=1000)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{40,64}$")]


class Provenance(Strict):
    """Where the result of a job comes from.

    Seconds are those of the attempt that finished the job; ``updates_of_attempt`` says how many of
    a training's ``updates`` it made. ``updates_per_second`` and ``force_call_seconds`` are what
    jobs measure of themselves, see `tlbench.jobs.context.Context`. ``instructions`` are the vector
    instructions that torch uses, as "AVX512", in which processors of one name may differ; None on
    an accelerator.
    """

    model_config = ConfigDict(strict=True)

    started: Word
    wall_seconds: Amount
    cpu_seconds: Amount
    peak_memory_mib: Count | None = None
    peak_device_memory_mib: Count | None = None
    device: Word
    device_name: Word
    threads: Annotated[int, Field(ge=1, le=10**6)]
    kernels: Word | None = None
    instructions: Word | None = None
    python: Word
    packages: Annotated[dict[Word, Word], Field(max_length=200)]
    installed: Digest | None = None
    git_commit: Digest | None
    git_dirty: bool | None
    environment: Word | None = None
    attempts: Annotated[int, Field(ge=1, le=10**6)] = 1
    updates: Amount | None = None
    updates_of_attempt: Amount | None = None
    updates_per_second: Amount | None = None
    force_call_seconds: Amount | None = None

    @model_validator(mode="after")
    def _attempt_is_part_of_the_whole(self) -> "Provenance":
        updates, own = self.updates, self.updates_of_attempt
        if updates and own:
            if not 1 <= own <= updates:
                raise ValueError(f"{own:g} of {updates:g} updates were those of one attempt")
            if max(self.wall_seconds, self.cpu_seconds) * updates / own > LARGEST:
                raise ValueError("all attempts together took longer than anything does")
        return self

    def whole(self) -> "Provenance":
        """Return it with the seconds of all attempts at a training."""
        updates, own = self.updates, self.updates_of_attempt
        factor = updates / own if updates and own else 1.0
        seconds = {
            "wall_seconds": self.wall_seconds * factor,
            "cpu_seconds": self.cpu_seconds * factor,
        }
        return self.model_copy(update=seconds)


@dataclass
class Stopwatch:
    """Measures the cost of a job from when it is made."""

    started: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    _wall: float = field(default_factory=time.perf_counter)
    _cpu: float = field(default_factory=time.process_time)

    def provenance(self, device: str) -> dict[str, Any]:
        """Return the provenance of a job that ends now."""
        import torch

        from tlbench.kernels.library import describe

        return {
            "started": self.started,
            "wall_seconds": round(time.perf_counter() - self._wall, 3),
            "cpu_seconds": round(time.process_time() - self._cpu, 3),
            "peak_memory_mib": peak_mib(),
            "peak_device_memory_mib": peak_device_mib(device),
            "device": device,
            "device_name": device_name(device),
            "threads": torch.get_num_threads(),
            "kernels": describe() if device == "cpu" else "torch",
            "instructions": instructions(device),
            "python": platform.python_version(),
            "packages": package_versions(),
            "installed": environment_digest(),
            **code_state(),
        }


@cache
def package_versions() -> dict[str, str]:
    """Return the versions of the packages that results depend on."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


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


@cache
def code_state() -> dict[str, Any]:
    """Return the git commit of a checkout and whether it was changed; nothing if installed."""
    root = Path(__file__).resolve().parents[3]
    if not (root / ".git").exists():
        return {"git_commit": None, "git_dirty": None}

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return {
            "git_commit": git("rev-parse", "HEAD"),
            "git_dirty": bool(git("status", "--porcelain", "--", "tlbench", "datasets")),
        }
    except (OSError, subprocess.CalledProcessError):
        return {"git_commit": None, "git_dirty": None}
