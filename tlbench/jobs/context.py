"""What a running job is given.

Every kind of job imports this module and none imports `tlbench.jobs.base`, so that a change of
how jobs are described does not count as a change of what they compute.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tlbench.base.schema import canonical_json
from tlbench.base.seeds import stream
from tlbench.data.frames import Frames
from tlbench.models.potential_file import POTENTIAL

RESULT = "result.json"
"""File in a finished job's folder that holds what the job returned."""

MODEL = POTENTIAL
"""File that a job leaves which trains a model, and that jobs with models read."""

BEST = "best.safetensors"
"""The same with the weights of the lowest validation error, where they are kept."""

WEIGHTS = {"last": MODEL, "best": BEST}
"""Weights of a model → the file that a job leaves which trains it."""


def data_file(part: str) -> str:
    """Return the name of the file that a data set's job leaves with its part "train", ….

    Other jobs that describe the atoms of each part name their files alike.
    """
    return f"{part}.npz"


@dataclass(frozen=True)
class Progress:
    """How far a running job is: updates or steps, and the latest loss."""

    done: int
    total: int
    loss: float | None = None


@dataclass(frozen=True)
class Context:
    """What a running job is given.

    ``folder`` is its own to write artefacts to, and may hold what an interrupted attempt left;
    ``parents`` maps the role of each parent to its finished folder, and ``files`` the name of
    each outside file to where it lies. Nothing in here may influence the result. What a job
    ``measured`` about its own run, such as its speed, goes into the provenance.
    """

    folder: Path
    parents: Mapping[str, Path]
    device: str
    report: Callable[[Progress], None]
    files: Mapping[str, Path] = field(default_factory=dict)
    measured: dict[str, float | bool | tuple[float, float]] = field(default_factory=dict)

    def frames(self, role: str, part: str) -> Frames:
        """Return a part of the data set that is the parent with this role."""
        return Frames.load(self.parents[role] / data_file(part))


def clock_for(device: str) -> Callable[[], float]:
    """Return the clock that tells what computing on ``device`` costs, in seconds.

    On a processor, where a job has one thread, that is CPU time: it does not count the time in
    which others had the core.
    """
    return time.process_time if device == "cpu" else time.perf_counter


def settle_process(kind: str, config: Mapping[str, Any]) -> None:
    """Set every piece of global state that numerical code may read, before a job is done.

    One thread, because sums split over several threads round differently: results must not
    depend on how many workers share a machine. No TF32 on a GPU: only a training whose settings
    allow it rounds to it, see `tlbench.training.precision`. Subnormal numbers, below 1.2e-38, are
    zero: trained networks give many, with which processors are many times slower.
    """
    import torch

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.set_default_dtype(torch.float32)
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    torch.manual_seed(stream("job", kind, canonical_json(config)))
