"""What is tuned, and the jobs of a trial."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

from tlbench.base.errors import InputError
from tlbench.base.phrases import counted
from tlbench.base.schema import digest
from tlbench.jobs.base import Job
from tlbench.study.model_key import ModelKey
from tlbench.study.models import plan
from tlbench.study.places import budget, trained_places
from tlbench.study.shards import with_ancestors
from tlbench.study.study import Study, resolve
from tlbench.study.suite import Suite
from tlbench.study.tuned import PRETRAINING, TunedSettings
from tlbench.training.config import TrainingConfig
from tlbench.transfer import arm as arm_called


class Series(NamedTuple):
    """All trials of one backbone and arm at one budget; ``arm`` is a strategy, or pretraining.

    ``size`` is the number of target structures that they train on, 0 for pretraining; ``updates``
    the budget at which arms are compared. ``source`` is what they start from in a suite of several
    sources; empty in others, and for arms that start from none.
    """

    backbone: str
    arm: str
    size: int
    updates: int
    source: str = ""

    @property
    def needs_source(self) -> bool:
        """Whether its models start from a source model, whose pretraining is tuned first."""
        return self.arm != PRETRAINING and arm_called(self.arm).needs_source

    def has(self, model: ModelKey) -> bool:
        """Return whether a model is one of its arm."""
        same = (model.backbone, model.strategy) == (self.backbone, self.arm)
        return same and self.source in ("", model.source)

    def label(self) -> str:
        """Return the series in words."""
        size = f", N = {self.size}" if self.size else ""
        came = f" from {self.source}" if self.source else ""
        return f"{self.backbone}, {self.arm}{came}{size}, {counted(self.updates, 'update')}"


Group = tuple[int, ...]
"""Numbers of target structures that have their settings in common."""


@dataclass(frozen=True)
class Search:
    """What is tuned.

    ``pairs`` models are trained in every trial, with the suite's first pairs of seeds. The sizes of
    each of ``groups`` get the settings that are best at its middle size, of two the larger; by
    default each size is a group of its own. ``budgets`` are those of target models, by default all;
    pretraining is tuned at each of its own.

    Raises
    ------
    InputError
        If there are no trials, the suite does not have a size, a budget or so many pairs, or a size
        is in two groups.
    """

    suite: Suite
    trials: int
    groups: tuple[Group, ...] = ()
    pairs: int = 1
    budgets: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        sizes, n_pairs = self.suite.sizes, len(self.suite.seed_pairs())
        budgets = self.suite.budgets or [self.suite.training.updates]
        grouped = [size for group in self.groups for size in group]
        if self.trials < 1:
            raise InputError(f"Every arm should have at least one trial, not {self.trials}.")
        if not 1 <= self.pairs <= n_pairs:
            raise InputError(
                f"A trial cannot train models of {self.pairs} pairs of seeds: the suite has "
                f"{n_pairs}."
            )
        for noun, wanted, own in (("size", grouped, sizes), ("budget", self.budgets, budgets)):
            for value in wanted:
                if value not in own:
                    raise InputError(
                        f"The suite does not have the {noun} {value}; choose among "
                        f"{', '.join(map(str, own))}."
                    )
                if wanted.count(value) > 1:
                    raise InputError(f"The {noun} {value} is given twice; give it once.")

    @cached_property
    def study(self) -> Study:
        """The suite with its cards and defaults."""
        return resolve(self.suite)

    def series(self) -> list[Series]:
        """Return all series, pretraining before what builds on it.

        Raises
        ------
        InputError
            If nothing is to be tuned.
        """
        if not (found := list(self.sizes_of())):
            raise InputError("None of the suite's strategies trains anything, so nothing is tuned.")
        return found

    @cached_property
    def _sources(self) -> Mapping[tuple[str, str], list[str]]:
        """The sources that each backbone and arm starts from; one without a name for all others.

        Learning rates that are right from one source need not be from another.
        """
        if len(self.study.ends) == 1:
            return {}
        found: dict[tuple[str, str], list[str]] = {}
        for model in self.study.grid:
            if model.strategy == PRETRAINING or arm_called(model.strategy).needs_source:
                known = found.setdefault((model.backbone, model.strategy), [])
                if model.source not in known:
                    known.append(model.source)
        return found

    def sizes_of(self) -> dict[Series, Group]:
        """Return the sizes that get the settings of each series; none are those of pretraining."""
        return {
            series._replace(source=source): group
            for series, group in self._sizes_of_arms().items()
            for source in self._sources.get(series[:2], [""] if self._runs(series) else [])
        }

    def _runs(self, series: Series) -> bool:
        """Return whether the arm of a series that has no sources of its own has any models."""
        if len(self.study.ends) == 1:
            return True
        return series.arm != PRETRAINING and not series.needs_source

    def _sizes_of_arms(self) -> dict[Series, Group]:
        """Return the sizes of each series, whatever it starts from."""
        groups = [tuple(sorted(each)) for each in self.groups or zip(self.suite.sizes)]
        middle = {each[len(each) // 2]: each for each in groups}
        found: dict[Series, Group] = {}
        for place in trained_places(self.suite):
            updates = budget(self.suite, place)
            series = Series(place.backbone, place.strategy, place.size, updates)
            if place.strategy == PRETRAINING:
                found[series] = ()
            elif place.size in middle and (not self.budgets or updates in self.budgets):
                found[series] = middle[place.size]
        return found

    def pretraining(self, series: Series) -> Series | None:
        """Return the series of the source models that those of another start from.

        None if it starts from nothing, or from weights that are there.
        """
        if not series.needs_source:
            return None
        updates = self.suite.pretraining.updates
        found = Series(series.backbone, PRETRAINING, 0, updates, series.source)
        return found if found in self.sizes_of() else None

    def digest(self) -> str:
        """Return the SHA-256 of what the trials of all series have in common.

        Which other backbones, strategies, sizes and budgets are tuned is not among it, so that some
        can be added.
        """
        text = f"{self.study.protocol_digest} {self.pairs}"
        return hashlib.sha256(text.encode()).hexdigest()

    def networks(self) -> dict[str, str]:
        """Return the SHA-256 of the settings of every backbone that is tuned."""
        return {
            name: digest(self.suite.backbone_config(name).model_dump(mode="json"))
            for name in sorted({series.backbone for series in self.sizes_of()})
        }

    def own_settings(self, series: Series) -> TunedSettings:
        """Return the suite's own settings of a series."""
        untuned = self.suite.pretraining if series.arm == PRETRAINING else self.suite.training
        return TunedSettings(**untuned.model_dump(include=set(TunedSettings.model_fields)))


@dataclass(frozen=True)
class Trial:
    """A trial to be run: the jobs that it needs, parents before children, and its models' keys."""

    series: Series
    number: int
    settings: TunedSettings
    jobs: Mapping[str, Job]
    models: tuple[str, ...]


def planned(
    search: Search,
    series: Series,
    number: int,
    settings: TunedSettings,
    source: TunedSettings | None,
) -> Trial:
    """Plan a trial: the suite's training jobs of one backbone and arm, with other settings.

    Parameters
    ----------
    source
        Settings of the pretraining that it builds on; None if it builds on none.
    """
    suite = search.suite
    pairs = suite.seed_pairs()[: search.pairs]
    changed = "pretraining" if series.arm == PRETRAINING else "training"
    # All strategies are kept: one that is compute-matched needs another that is pretrained. So are
    # all backbones of several sources, each of which needs one that takes it.
    changes: dict[str, Any] = {
        "backbones": {series.backbone: suite.backbones[series.backbone]}
        if len(search.study.ends) == 1
        else suite.backbones,
        "sizes": [series.size or suite.sizes[0]],
        "pairing": "zip",
        "subset_seeds": [subset for subset, _ in pairs],
        "init_seeds": [init for _, init in pairs],
        "dynamics": None,
        "distances": None,
    }
    if suite.budgets:
        sources = [series.updates] if series.arm == PRETRAINING else [suite.pretraining.updates]
        budgets = suite.budgets[:1] if series.arm == PRETRAINING else [series.updates]
        changes |= {"budgets": budgets, "pretraining_budgets": sources}
    if source is not None:
        changes["pretraining"] = _with(suite.pretraining, source)
    changes[changed] = _with(getattr(suite, changed), settings)
    whole = plan(resolve(suite.model_copy(update=changes)))
    models = tuple(dict.fromkeys(c.trained for c in whole.cells if series.has(c.model)))
    jobs = with_ancestors(whole.jobs, models)
    for key in models:
        jobs[key] = replace(jobs[key], label=f"trial {number}, {jobs[key].label}")
    return Trial(series, number, settings, jobs, models)


def _with(training: TrainingConfig, settings: TunedSettings) -> TrainingConfig:
    return training.model_copy(update=settings.model_dump())
