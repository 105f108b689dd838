"""What a job is, and which kinds there are.

Nothing here imports torch: planning and looking up finished work need only names and digests.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import Any

from tlbench.base.errors import InputError
from tlbench.base.schema import canonical_json, digest
from tlbench.jobs import dataset
from tlbench.jobs.amount import Amount, Facts, Sizes
from tlbench.jobs.kind import Config, Kind

KINDS: dict[str, Kind[Any, Any]] = {
    name: import_module(f"tlbench.jobs.{name}").KIND
    for name in (
        "dataset",
        "train",
        "speed",
        "evaluate",
        "reference",
        "simulate",
        "compare",
        "environments",
        "distance",
        "coverage",
        "geometry",
        "properties",
        "weights",
    )
}
"""Name → kind."""


FORMAT = 2
"""Version of a job's description in a plan. Plans of another version are made anew, as the keys of
their jobs were made in another way."""


@dataclass(frozen=True)
class Job:
    """One cached unit of work.

    Attributes
    ----------
    kind
        Name in ``KINDS``.
    config
        Settings, as JSON values without defaults; see ``settings``.
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
        `tlbench.models.backbones.config.BackboneConfig.environment`. Not part of the key.
    """

    kind: str
    config: Mapping[str, Any]
    parents: Mapping[str, str] = field(default_factory=dict)
    label: str = field(default="", compare=False)
    files: Mapping[str, str] = field(default_factory=dict, compare=False)
    environment: str | None = field(default=None, compare=False)
    sources: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def settings(self) -> Config:
        """Settings in the type of the job's kind."""
        found: Config = KINDS[self.kind].config.model_validate(self.config)
        return found

    @property
    def measures_device(self) -> bool:
        """Whether it measures the device that it is done on."""
        return self.kind in KINDS and KINDS[self.kind].measures_device

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
            "format": FORMAT,
            "key": self.key,
            **self.description(),
            "label": self.label,
            "files": self.files,
            "environment": self.environment,
        }


def amount_of(
    job: Job, find: Callable[[str], Job | None], sizes: Callable[[str], Sizes | None]
) -> Amount | None:
    """Return how much work a job is; None if too little is known of its parents.

    Parameters
    ----------
    find
        Returns the job of a key, None if it is unknown.
    sizes
        Returns the sizes of the data set of a job's key, None if they are unknown.
    """
    parents = {role: parent for role, key in job.parents.items() if (parent := find(key))}
    data = {
        role: job.parents[role]
        if parent.kind == dataset.Config.kind
        else parent.parents.get("data")
        for role, parent in parents.items()
    }
    known = {role: size for role, key in data.items() if key and (size := sizes(key))}
    facts = Facts({role: parent.settings for role, parent in parents.items()}, known)
    found: Amount | None = KINDS[job.kind].amount(job.settings, facts)
    return found


def read_job(written: Mapping[str, Any]) -> Job:
    """Return the job that ``Job.written`` wrote.

    Raises
    ------
    InputError
        If it is not a job, or has another key: then another version of tlbench wrote it.
    """
    try:
        if written.get("format") != FORMAT or written["kind"] not in KINDS:
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
