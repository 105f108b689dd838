"""Running trials: training jobs of the suite with other learning rates."""

import shutil
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from tlbench.engine.executors import local
from tlbench.engine.runner import run_jobs
from tlbench.engine.store import State, Store
from tlbench.engine.worker import perform
from tlbench.errors import InputError
from tlbench.jobs.base import RESULT, Job, Progress
from tlbench.jobs.results import TrainResult
from tlbench.metrics.statistics import geometric_mean
from tlbench.plan import Plan, plan
from tlbench.seeds import stream
from tlbench.suite import Suite
from tlbench.training.config import TrainingConfig
from tlbench.training.loop import DivergedError
from tlbench.transfer import arm as arm_called
from tlbench.tuned import PRETRAINING, Tuned, TunedArm, TunedSettings
from tlbench.tuning.search import Search
from tlbench.tuning.studies import NUMBER, STARTUP_TRIALS, claim, ended, pretraining_of, study_of

LEARNING_RATES, FRACTIONS = (1e-4, 1e-2), (1e-3, 0.3)
"""Bounds of the search, on logarithmic scales."""

WAIT_SECONDS = 0.5


def work(search: Search) -> None:
    """Run trials of one study after the other until all have enough."""
    import torch

    torch.set_num_threads(1)
    store = Store(search.store)
    for backbone, name in search.studies():
        while (study := study_of(search, backbone, name)) is None:
            # Others still run trials of the pretraining that this study builds on.
            time.sleep(WAIT_SECONDS)
        pretraining = pretraining_of(search, backbone) if _transfers(name) else None
        while len(ended(study, search.trials)) < search.trials:
            ran = False
            for number in range(search.trials):
                with claim(search, study, number) as mine:
                    if mine and number not in ended(study, search.trials):
                        _run_trial(search, store, study, backbone, name, pretraining, number)
                        ran = True
            if not ran:
                time.sleep(WAIT_SECONDS)


def _transfers(name: str) -> bool:
    return name != PRETRAINING and arm_called(name).needs_source


def _run_trial(
    search: Search,
    store: Store,
    study: Any,
    backbone: str,
    name: str,
    pretraining: TunedSettings | None,
    number: int,
) -> None:
    """Run one trial and tell the study how it ended."""
    import optuna

    seed = stream("tuning", search.digest(), study.study_name, number) % 2**32
    study.sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS)
    if number == 0:
        own = _own(search.suite, name).model_dump()
        with _expected():
            study.sampler = optuna.samplers.PartialFixedSampler(own, study.sampler)
    trial = study.ask()
    trial.set_user_attr(NUMBER, number)
    try:
        value = objective(search, store, backbone, name, pretraining, trial)
    except (optuna.TrialPruned, DivergedError):
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    else:
        study.tell(trial, value)


@contextmanager
def _expected() -> Iterator[None]:
    """Silence what optuna warns of though it is meant.

    Its sampler of fixed values may change in another version, and the suite's own settings may
    lie outside the bounds of the search.
    """
    from optuna.exceptions import ExperimentalWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        warnings.filterwarnings("ignore", "Fixed parameter .* is out of range", UserWarning)
        yield


def _own(suite: Suite, name: str) -> TunedSettings:
    """Return the suite's own settings of an arm."""
    untuned: TrainingConfig = suite.pretraining if name == PRETRAINING else suite.training
    return TunedSettings(
        learning_rate=untuned.learning_rate,
        final_learning_rate_fraction=untuned.final_learning_rate_fraction,
    )


def objective(
    search: Search,
    store: Store,
    backbone: str,
    name: str,
    pretraining: TunedSettings | None,
    trial: Any,
) -> float:
    """Train one trial's models; return the geometric mean of their validation errors."""
    with _expected():
        settings = TunedSettings(
            learning_rate=trial.suggest_float("learning_rate", *LEARNING_RATES, log=True),
            final_learning_rate_fraction=trial.suggest_float(
                "final_learning_rate_fraction", *FRACTIONS, log=True
            ),
        )
    planned = _planned(search, backbone, name, settings, pretraining)
    models = list(dict.fromkeys(c.trained for c in planned.cells if c.strategy == name))
    errors = []
    for number, key in enumerate(models):
        must_run(_ancestors(planned, key), search)
        watch = _Watch(trial) if number == 0 else None
        errors.append(_trained(planned.jobs[key], store, search.device, watch))
    return geometric_mean(errors)


class _Watch:
    """Passes validation errors on to the trial, and ends it if it is among the worse half."""

    def __init__(self, trial: Any) -> None:
        self._trial = trial

    def __call__(self, progress: Progress) -> None:
        if progress.validation is None:
            return
        import optuna

        self._trial.report(progress.validation, progress.done)
        if progress.done < progress.total and self._trial.should_prune():
            raise optuna.TrialPruned


def _trained(job: Job, store: Store, device: str, watch: _Watch | None) -> float:
    """Return the validation error of a training job, doing it if need be."""
    try:
        with store.lock(job.key):
            if store.state(job.key) is not State.FINISHED:
                perform(job, store, device, watch)
    except Exception:
        # Nobody will go on with it.
        shutil.rmtree(store.working_folder(job.key), ignore_errors=True)
        raise
    error = store.result(job.key, TrainResult).validation_force_mae
    if error is None:
        raise store.senseless(job.key, RESULT, "it has no validation error")
    return error


def _planned(
    search: Search,
    backbone: str,
    name: str,
    settings: TunedSettings,
    pretraining: TunedSettings | None,
) -> Plan:
    """Return the plan of the suite with one backbone, one strategy, and the trial's settings."""
    suite = search.suite
    chosen = {name: settings}
    if pretraining is not None and name != PRETRAINING:
        chosen[PRETRAINING] = pretraining
    strategies = [name]
    if name == PRETRAINING:
        strategies = [s for s in suite.strategies if arm_called(s).needs_source][:1]
    pairs = suite.seed_pairs()[: search.pairs]
    trial = {
        "backbones": {backbone: suite.backbones[backbone]},
        "strategies": strategies,
        "sizes": [search.size],
        "subset_seeds": list(dict.fromkeys(subset for subset, _ in pairs)),
        "init_seeds": list(dict.fromkeys(init for _, init in pairs)),
        "dynamics": None,
        "tuned": Tuned(
            suite=suite.name,
            suite_digest="",
            study="",
            size=search.size,
            pairs=search.pairs,
            arms={backbone: {n: _unmeasured(s) for n, s in chosen.items()}},
        ),
    }
    return plan(suite.model_copy(update=trial))


def _unmeasured(settings: TunedSettings) -> TunedArm:
    return TunedArm(
        settings=settings,
        trials=1,
        pruned=0,
        validation_force_mae=1.0,
        default_validation_force_mae=None,
    )


def _ancestors(planned: Plan, key: str) -> dict[str, Job]:
    """Return the jobs that a job needs, parents before children, itself not among them."""
    needed: set[str] = set()
    waiting = list(planned.jobs[key].parents.values())
    while waiting:
        parent = waiting.pop()
        if parent not in needed:
            needed.add(parent)
            waiting += planned.jobs[parent].parents.values()
    return {k: job for k, job in planned.jobs.items() if k in needed}


def must_run(jobs: dict[str, Job], search: Search) -> None:
    """Bring jobs into the store.

    Raises
    ------
    InputError
        Naming the first that fails.
    """
    report = run_jobs(jobs, Store(search.store), partial(local, 1), search.device, thorough=True)
    for key, error in report.errors.items():
        raise InputError(f"{jobs[key].label} cannot be done: {error}")
