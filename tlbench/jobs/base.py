"""What a job is, and which kinds there are.

Nothing here imports torch: planning and looking up finished work need only names and digests.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tlbench.errors import InputError
from tlbench.jobs.context import (
    COVERAGE,
    CURVE,
    ERRORS,
    EXPECTED,
    GEOMETRY,
    MODEL,
    OUTCOME,
    START,
    Context,
)
from tlbench.schema import canonical_json, digest

Config = Mapping[str, Any]
Run = Callable[[dict[str, Any], Context], dict[str, Any]]


@dataclass(frozen=True)
class Kind:
    """A kind of job.

    Attributes
    ----------
    path
        ``module:function`` of its code.
    uses_device
        Whether it computes on the device that is asked for; if not, on the CPU.
    outputs
        Names of the files that a job leaves beside its result.
    when_trained
        Names of those that only a job with training settings leaves.
    """

    path: str
    uses_device: bool
    outputs: tuple[str, ...] = ()
    when_trained: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        """Module that its code starts in."""
        return self.path.partition(":")[0]

    def load(self) -> Run:
        """Import the function that does the work."""
        run: Run = getattr(importlib.import_module(self.module), self.path.partition(":")[2])
        return run


_PARTS = ("train.npz", "validation.npz", "test.npz")

KINDS = {
    "dataset": Kind("tlbench.jobs.dataset:run", uses_device=False, outputs=_PARTS),
    "train": Kind(
        "tlbench.jobs.train:run", uses_device=True, outputs=(MODEL,), when_trained=(CURVE,)
    ),
    "speed": Kind("tlbench.jobs.speed:run", uses_device=True),
    "evaluate": Kind("tlbench.jobs.evaluate:run", uses_device=True, outputs=(ERRORS,)),
    "reference": Kind("tlbench.jobs.reference:run", uses_device=False, outputs=(START, EXPECTED)),
    "simulate": Kind("tlbench.jobs.simulate:run", uses_device=True, outputs=(OUTCOME,)),
    "compare": Kind("tlbench.jobs.compare:run", uses_device=False),
    "environments": Kind(
        "tlbench.jobs.environments:run", uses_device=False, outputs=("train.npz", "test.npz")
    ),
    "distance": Kind("tlbench.jobs.distance:run", uses_device=False),
    "coverage": Kind("tlbench.jobs.coverage:run", uses_device=False, outputs=(COVERAGE,)),
    "geometry": Kind("tlbench.jobs.geometry:run", uses_device=False, outputs=(GEOMETRY,)),
}


def outputs_of(kind: str, config: Config) -> frozenset[str]:
    """Return the names of the files that a job leaves, its result and what is said of it aside.

    Of a kind that is not known here, none is known.
    """
    known = KINDS.get(kind)
    if known is None:
        return frozenset()
    trained = known.when_trained if config.get("training") else ()
    return frozenset((*known.outputs, *trained))


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
    sources
        Name → digest of the source code that it is done with: that of its kind, and of what its
        config names; see `tlbench.jobs.sources`.
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
    config: Config
    parents: Mapping[str, str] = field(default_factory=dict)
    label: str = field(default="", compare=False)
    files: Mapping[str, str] = field(default_factory=dict, compare=False)
    environment: str | None = field(default=None, compare=False)
    sources: Mapping[str, str] = field(default_factory=dict)

    def description(self) -> dict[str, Any]:
        """Return what the key is the digest of."""
        return {
            "kind": self.kind,
            "sources": self.sources,
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
        If it is not a job, or has another key: then another version of tlbench wrote it.
    """
    try:
        if "sources" not in written or written["kind"] not in KINDS:
            raise InputError(
                f"The job {written['label']!r} was planned by another version of tlbench; plan it "
                "anew."
            )
        job = Job(
            kind=written["kind"],
            config=written["config"],
            parents=written["parents"],
            sources=written["sources"],
            label=written["label"],
            files=written["files"],
            environment=written["environment"],
        )
        same = job.key == written["key"]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("This is not the description of a job.") from error
    if not same:
        raise InputError(f"The job {job.label!r} does not have the key that its plan says.")
    return job
