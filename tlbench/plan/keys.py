"""What the keys of a plan say of the code that its jobs are done with."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tlbench.backbones import BACKBONES
from tlbench.errors import InputError
from tlbench.jobs.base import Job
from tlbench.jobs.sources import REGISTRIES, own_sources
from tlbench.suite import Suite

FIRST_VERSIONS = {
    "dataset": 2,
    "train": 2,
    "speed": 1,
    "evaluate": 3,
    "reference": 3,
    "simulate": 2,
    "compare": 2,
    "environments": 2,
    "distance": 2,
    "coverage": 2,
    "geometry": 1,
}
"""Versions of the kinds of jobs in keys that did not know the code yet."""


@dataclass(frozen=True)
class KeyScheme:
    """How the keys of jobs are made: from the code that is here, or from what a submission states.

    Attributes
    ----------
    sources
        Name → digest of source code; None for keys that did not know the code.
    packages
        ``backbone``, ``strategy`` → name → package and version that it comes from, for names that
        need not be installed; None: as they are installed here.
    """

    sources: Mapping[str, str] | None = field(default_factory=own_sources)
    packages: Mapping[str, Mapping[str, str]] | None = None

    def job(
        self,
        kind: str,
        config: Mapping[str, Any],
        parents: Mapping[str, str] | None = None,
        label: str = "",
        *,
        named: Iterable[str] = (),
        files: Mapping[str, str] | None = None,
        environment: str | None = None,
    ) -> Job:
        """Return a job; ``named`` are the names of its sources beside that of its kind.

        Raises
        ------
        InputError
            If nothing is stated of one of its sources.
        """
        rest = (parents or {}, label, files or {}, environment)
        if self.sources is None:
            return _FirstJob(kind, config, *rest)
        names = dict.fromkeys((kind, *named))
        try:
            sources = {name: self.sources[name] for name in names}
        except KeyError as error:
            raise InputError(f"The digest of the code of {error.args[0]} is missing.") from error
        return Job(kind, config, *rest, sources)

    def provider(self, kind: str, name: str) -> str | None:
        """Return package and version that a backbone or strategy comes from; None for tlbench."""
        if self.packages is None:
            return REGISTRIES[kind].provider(name)
        return self.packages.get(kind, {}).get(name)

    def settings(self, suite: Suite, backbone: str) -> dict[str, Any]:
        """Return the complete settings of a backbone; of a foreign one, those that are given."""
        if self._is_foreign(backbone):
            return {**suite.backbones[backbone], "cutoff": suite.cutoff}
        return suite.backbone_config(backbone).model_dump(mode="json")

    def environment(self, backbone: str) -> str | None:
        """Return the name of the environment whose Python does the jobs of a backbone."""
        if self._is_foreign(backbone):
            return None
        return BACKBONES.get(backbone).environment or backbone

    def _is_foreign(self, backbone: str) -> bool:
        return self.packages is not None and (
            backbone in self.packages.get("backbone", {}) or backbone not in BACKBONES
        )


class _FirstJob(Job):
    """A job of a submission of format 1."""

    def description(self) -> dict[str, Any]:
        # Which metrics there are of simulations was not part of it.
        left_out = {"metrics"} if self.kind == "compare" else set()
        return {
            "kind": self.kind,
            "version": FIRST_VERSIONS[self.kind],
            "config": {k: v for k, v in self.config.items() if k not in left_out},
            "parents": self.parents,
        }
