"""What is tuned, which settings are tried, and the jobs of a trial.

Trials come in rounds. All settings of a round are proposed at once, from the results of the rounds
before it and a seed of its own. So every process that tunes the same suite proposes the same
settings, however many work on it, and a search that was stopped goes on as if it had not been.
"""

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

from tlbench.base.seeds import stream
from tlbench.jobs.base import Job
from tlbench.study.models import plan
from tlbench.study.study import Study, resolve
from tlbench.study.suite import Suite
from tlbench.study.tuned import PRETRAINING, TunedSettings
from tlbench.training.config import TrainingConfig
from tlbench.transfer import arm as arm_called
from tlbench.tuning.ledger import EndedTrial


class Series(NamedTuple):
    """All trials of one backbone and arm; ``arm`` is a strategy, or pretraining."""

    backbone: str
    arm: str

    @property
    def needs_source(self) -> bool:
        """Whether its models start from a source model, whose pretraining is tuned first."""
        return self.arm != PRETRAINING and arm_called(self.arm).needs_source


@dataclass(frozen=True)
class Search:
    """What is tuned.

    ``pairs`` models are trained in every trial, with the suite's first pairs of seeds, on the
    ``size`` target structures of each.
    """

    suite: Suite
    trials: int
    size: int
    pairs: int

    @cached_property
    def study(self) -> Study:
        """The suite with its cards and defaults."""
        return resolve(self.suite)

    def series(self) -> list[Series]:
        """Return all series, pretraining before what builds on it."""
        arms = [arm_called(name) for name in self.suite.strategies]
        names = [arm.name for arm in arms if arm.trains]
        first = [PRETRAINING] if any(arm.needs_source for arm in arms) else []
        return [Series(b, name) for b in self.suite.backbones for name in [*first, *names]]

    def digest(self) -> str:
        """Return the SHA-256 of what the trials of all series have in common.

        Which other backbones and strategies are tuned is not among it, so that some can be added.
        """
        text = f"{self.study.protocol_digest} {self.size} {self.pairs}"
        return hashlib.sha256(text.encode()).hexdigest()

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
    strategies = [series.arm]
    if series.arm == PRETRAINING:
        strategies = [s for s in suite.strategies if arm_called(s).needs_source][:1]
    pairs = suite.seed_pairs()[: search.pairs]
    changes: dict[str, Any] = {
        "backbones": {series.backbone: suite.backbones[series.backbone]},
        "strategies": strategies,
        "sizes": [search.size],
        "pairing": "zip",
        "subset_seeds": [subset for subset, _ in pairs],
        "init_seeds": [init for _, init in pairs],
        "dynamics": None,
        "distances": None,
    }
    if source is not None:
        changes["pretraining"] = _with(suite.pretraining, source)
    changed = "pretraining" if series.arm == PRETRAINING else "training"
    changes[changed] = _with(getattr(suite, changed), settings)
    whole = plan(resolve(suite.model_copy(update=changes)))
    models = tuple(dict.fromkeys(c.trained for c in whole.cells if c.model.strategy == series.arm))
    needed = _with_ancestors(whole.jobs, models)
    jobs = {key: job for key, job in whole.jobs.items() if key in needed}
    for key in models:
        jobs[key] = replace(jobs[key], label=f"trial {number}, {jobs[key].label}")
    return Trial(series, number, settings, jobs, models)


def _with(training: TrainingConfig, settings: TunedSettings) -> TrainingConfig:
    return training.model_copy(update=settings.model_dump())


def _with_ancestors(jobs: Mapping[str, Job], keys: tuple[str, ...]) -> set[str]:
    """Return the keys of jobs and of all that they need."""
    needed: set[str] = set()
    waiting = list(keys)
    while waiting:
        if (key := waiting.pop()) not in needed:
            needed.add(key)
            waiting += jobs[key].parents.values()
    return needed


ROUND = 4
"""Trials of a round. Those of the first are drawn at random, but for the suite's own settings."""

BOUNDS = {"learning_rate": (1e-4, 1e-2), "final_learning_rate_fraction": (1e-3, 0.3)}
"""Bounds of the search, on logarithmic scales."""


def proposals(search: Search, series: Series, earlier: Sequence[EndedTrial]) -> list[TunedSettings]:
    """Return the settings of the next round of a series, whose ``earlier`` rounds have ended."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    number = len(earlier) // ROUND
    seed = stream("tuning", search.digest(), *series, number) % 2**32
    with warnings.catch_warnings():
        # Some versions call this way of keeping the trials of a round apart an experiment.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=ROUND, constant_liar=True)
    known = optuna.create_study(sampler=sampler)
    scales = {
        name: optuna.distributions.FloatDistribution(*bounds, log=True)
        for name, bounds in BOUNDS.items()
    }
    for ended in earlier:
        # The suite's own settings may lie outside of the bounds, where the sampler knows nothing.
        if _within_bounds(ended.settings):
            known.add_trial(_told(ended, scales))
    own = [] if earlier else [search.own_settings(series)]
    asked = [known.ask(scales).params for _ in range(ROUND - len(own))]
    return own + [TunedSettings(**settings) for settings in asked]


def _within_bounds(settings: TunedSettings) -> bool:
    values = settings.model_dump()
    return all(low <= values[name] <= high for name, (low, high) in BOUNDS.items())


def _told(ended: EndedTrial, scales: dict[str, Any]) -> Any:
    """Return a trial as optuna knows it: one that diverged has no value, and is to be avoided."""
    from optuna.trial import TrialState, create_trial

    error = ended.validation_force_mae
    return create_trial(
        state=TrialState.PRUNED if error is None else TrialState.COMPLETE,
        value=error,
        params=ended.settings.model_dump(),
        distributions=scales,
    )
