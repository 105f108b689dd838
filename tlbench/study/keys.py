"""What the keys of a plan say of the code that its jobs are done with."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tlbench.base.errors import InputError
from tlbench.jobs.base import Job
from tlbench.jobs.kind import Backbone, Config, first_form
from tlbench.jobs.sources import REGISTRIES, own_sources
from tlbench.models.backbones import BACKBONES
from tlbench.study.sources import registered_backbone
from tlbench.study.suite import Suite

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
        config: Config,
        parents: Mapping[str, str] | None = None,
        label: str = "",
        *,
        named: Iterable[str] = (),
        files: Mapping[str, str] | None = None,
        environment: str | None = None,
    ) -> Job:
        """Return the job with these settings.

        Parameters
        ----------
        named
            Names of its sources beside that of its kind.

        Raises
        ------
        InputError
            If nothing is stated of one of its sources.
        """
        rest = (parents or {}, label, files or {}, environment)
        if self.sources is None:
            return _FirstJob(config.kind, first_form(config), *rest)
        names = dict.fromkeys((config.kind, *named))
        try:
            sources = {name: self.sources[name] for name in names}
        except KeyError as error:
            raise InputError(f"The digest of the code of {error.args[0]} is missing.") from error
        return Job(config.kind, config.stated(), *rest, sources)

    def provider(self, kind: str, name: str) -> str | None:
        """Return package and version that a backbone or strategy comes from; None for tlbench."""
        name = registered_backbone(name) if kind == "backbone" else name
        if self.packages is None:
            return REGISTRIES[kind].provider(name)
        return self.packages.get(kind, {}).get(name)

    def backbone(self, suite: Suite, name: str) -> Backbone:
        """Return a backbone of a suite as keys have it.

        Settings of one from another package are complete as it is installed here, or as the suite
        of a submission states them: where it is not installed, its defaults are unknown.
        """
        if self._is_foreign(name):
            settings = {**suite.backbones[name], "cutoff": suite.cutoff}
        else:
            complete = self.provider("backbone", name) is not None
            config = suite.backbone_config(name)
            settings = config.model_dump(mode="json", exclude_defaults=not complete)
        return Backbone(name=registered_backbone(name), config=settings)

    def environment(self, backbone: str) -> str | None:
        """Return the name of the environment whose Python does the jobs of a backbone."""
        if self._is_foreign(backbone):
            return None
        name = registered_backbone(backbone)
        return BACKBONES.get(name).environment or name

    def _is_foreign(self, backbone: str) -> bool:
        backbone = registered_backbone(backbone)
        return self.packages is not None and (
            backbone in self.packages.get("backbone", {}) or backbone not in BACKBONES
        )


class _FirstJob(Job):
    """A job of a submission of format 1, with all settings spelt out."""

    def description(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "version": FIRST_VERSIONS[self.kind],
            "config": self.config,
            "parents": self.parents,
        }
