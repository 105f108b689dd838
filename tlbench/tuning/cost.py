"""What all trials of a search will cost, before any is run."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tlbench.engine.estimates import estimate, finished_in
from tlbench.engine.store.store import Store
from tlbench.jobs import train
from tlbench.jobs.base import Job
from tlbench.tuning.search import Search, Trial, planned


class Cost(NamedTuple):
    """What all trials train, were none in the store yet.

    ``seconds`` are those of one worker, None where the store has no jobs to predict them from.
    """

    series: int
    trainings: int
    updates: int
    seconds: float | None


def cost_of(search: Search, store: Path, device: str) -> Cost:
    """Return what a search costs: all trials of a series cost as much as its first.

    Parameters
    ----------
    store
        Folder of finished jobs, which times are predicted from.
    device
        "auto", "cpu" or "cuda".

    Raises
    ------
    InputError
        If nothing is to be tuned.
    """
    first = list(_first_trials(search))
    jobs: dict[str, Job] = {}
    for trial in first:
        jobs |= trial.jobs
    models = [key for trial in first for key in trial.models]
    finished = finished_in(Store(store, read_only=True)) if (store / "store.json").exists() else {}
    seconds = estimate(jobs, (), finished, device).seconds()
    known = all(key in seconds for key in models)
    return Cost(
        len(first),
        search.trials * len(models),
        search.trials * sum(_updates(jobs[key]) for key in models),
        search.trials * math.fsum(seconds[key] for key in models) if known else None,
    )


def _first_trials(search: Search) -> Iterator[Trial]:
    for series in search.series():
        pretraining = search.pretraining(series)
        source = None if pretraining is None else search.own_settings(pretraining)
        yield planned(search, series, 0, search.own_settings(series), source)


def _updates(job: Job) -> int:
    training = job.settings.training if isinstance(job.settings, train.Config) else None
    return training.updates if training else 0
