"""What a job is, and which kinds there are.

Nothing here imports torch: planning and looking up finished work need only names and digests.
"""

import importlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tlbench.errors import InputError
from tlbench.potential_file import POTENTIAL
from tlbench.schema import canonical_json, digest

RESULT = "result.json"
"""File in a finished job's folder that holds what the job returned."""

MODEL, ERRORS = POTENTIAL, "errors.npz"
"""Files of a trained model's job and of the job that measures it."""

COVERAGE, GEOMETRY = "coverage.npz", "geometry.npz"
"""Files of the jobs of these names."""


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
    measured: dict[str, float] = field(default_factory=dict)


def clock_for(device: str) -> Callable[[], float]:
    """Return the clock that tells what computing on ``device`` costs, in seconds.

    On a processor, where a job has one thread, that is CPU time: it does not count the time in
    which others had the core.
    """
    return time.process_time if device == "cpu" else time.perf_counter


Run = Callable[[dict[str, Any], Context], dict[str, Any]]


@dataclass(frozen=True)
class Kind:
    """A kind of job.

    Attributes
    ----------
    version
        Part of every key; raised when results change.
    path
        ``module:function`` of its code.
    uses_device
        Whether it computes on the device that is asked for; if not, on the CPU.
    """

    version: int
    path: str
    uses_device: bool

    def load(self) -> Run:
        """Import the function that does the work."""
        module, _, name = self.path.partition(":")
        run: Run = getattr(importlib.import_module(module), name)
        return run


KINDS = {
    "dataset": Kind(2, "tlbench.jobs.dataset:run", uses_device=False),
    "train": Kind(2, "tlbench.jobs.train:run", uses_device=True),
    "speed": Kind(1, "tlbench.jobs.speed:run", uses_device=True),
    "evaluate": Kind(3, "tlbench.jobs.evaluate:run", uses_device=True),
    "reference": Kind(3, "tlbench.jobs.reference:run", uses_device=False),
    "simulate": Kind(2, "tlbench.jobs.simulate:run", uses_device=True),
    "compare": Kind(2, "tlbench.jobs.compare:run", uses_device=False),
    "environments": Kind(2, "tlbench.jobs.environments:run", uses_device=False),
    "distance": Kind(2, "tlbench.jobs.distance:run", uses_device=False),
    "coverage": Kind(2, "tlbench.jobs.coverage:run", uses_device=False),
    "geometry": Kind(1, "tlbench.jobs.geometry:run", uses_device=False),
}


@dataclass(frozen=True)
class Job:
    """One cached unit of work.

    Attributes
    ----------
    kind
        Name in ``KINDS``.
    config
        Everything that determines the result, as JSON values.
    parents
        Role → key of the jobs whose results it reads.
    label
        What people see; not part of the key.
    files
        Name → path on this machine of the outside files that it reads; their digests are in
        the config, their paths are not part of the key.
    environment
        Name of the environment whose Python does it, if one is named for it on this machine; see
        `tlbench.backbones.config.BackboneConfig.environment`. Not part of the key.
    """

    kind: str
    config: Mapping[str, Any]
    parents: Mapping[str, str] = field(default_factory=dict)
    label: str = field(default="", compare=False)
    files: Mapping[str, str] = field(default_factory=dict, compare=False)
    environment: str | None = field(default=None, compare=False)

    def description(self) -> dict[str, Any]:
        """Return what the key is the digest of."""
        return {
            "kind": self.kind,
            "version": KINDS[self.kind].version,
            "config": self.config,
            "parents": self.parents,
        }

    @cached_property
    def key(self) -> str:
        """SHA-256 of the description: the same work has the same key everywhere."""
        return digest(self.description())

    def canonical(self) -> str:
        """Return the description as canonical JSON."""
        return canonical_json(self.description())

    def written(self) -> dict[str, Any]:
        """Return everything about the job as JSON values, its key among them."""
        return {
            "key": self.key,
            **self.description(),
            "label": self.label,
            "files": self.files,
            "environment": self.environment,
        }


def read_job(written: Mapping[str, Any]) -> Job:
    """Return the job that ``Job.written`` wrote.

    Raises
    ------
    InputError
        If it is not a job, or has another key here: then another version of tlbench wrote it.
    """
    try:
        job = Job(
            kind=written["kind"],
            config=written["config"],
            parents=written["parents"],
            label=written["label"],
            files=written["files"],
            environment=written["environment"],
        )
        same = job.kind in KINDS and job.key == written["key"]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("This is not the description of a job.") from error
    if not same:
        raise InputError(
            f"The job {job.label!r} was planned by another version of tlbench; plan it anew."
        )
    return job
