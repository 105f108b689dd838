"""Which settings are tried.

Trials come in rounds. All settings of a round are proposed at once, from the results of the rounds
before it and a seed of its own. So every process that tunes the same suite proposes the same
settings, however many work on it, and a search that was stopped goes on as if it had not been.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from tlbench.base.seeds import stream
from tlbench.study.tuned import TunedSettings
from tlbench.tuning.ledger import EndedTrial
from tlbench.tuning.search import Search, Series

ROUND = 4
"""Trials of a round.

The first has the suite's own settings, and a Latin hypercube: each learning rate is drawn from
another part of its range, so that no arm has a first round of low ones alone.
"""

BOUNDS = {"learning_rate": (1e-5, 1e-2), "final_learning_rate_fraction": (1e-3, 0.3)}
"""Bounds of the search, on logarithmic scales."""


def proposals(search: Search, series: Series, earlier: Sequence[EndedTrial]) -> list[TunedSettings]:
    """Return the settings of the next round of a series, whose ``earlier`` rounds have ended."""
    number = len(earlier) // ROUND
    # One without a source has the seed that it had before there were several.
    place = [each for each in series if each != ""]
    seed = stream("tuning", search.digest(), *place, number) % 2**32
    if not earlier:
        return [search.own_settings(series), *_spread(ROUND - 1, seed)]
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
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
    return [TunedSettings(**known.ask(scales).params) for _ in range(ROUND)]


def _spread(number: int, seed: int) -> list[TunedSettings]:
    """Return settings of which each has a part of its own of every range, on a logarithmic scale.

    Source: McKay, Beckman & Conover, Technometrics 21, 239 (1979).
    """
    random = np.random.default_rng(seed)
    parts = np.array([random.permutation(number) for _ in BOUNDS]).T
    low, high = np.log(list(BOUNDS.values())).T
    drawn = np.exp(low + (high - low) * (parts + random.random(parts.shape)) / number)
    return [TunedSettings(**dict(zip(BOUNDS, map(float, each), strict=True))) for each in drawn]


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
