"""Fair tuning: every backbone and strategy gets as many trials, of the suite's own budget.

Trials are training jobs like any other, judged by their error on validation structures; test sets
are never read. Pretraining is tuned first, on source data, and its best settings serve every
strategy that transfers. The first trial of each study is the suite's own settings, so tuning
cannot make a validation error worse.
"""

import hashlib
import json
import multiprocessing
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from tlbench.engine.executors import local
from tlbench.engine.runner import run_jobs
from tlbench.engine.store import State, Store
from tlbench.engine.worker import perform
from tlbench.errors import InputError, TlbenchError
from tlbench.files import write_whole
from tlbench.jobs.base import Job, Progress
from tlbench.metrics.statistics import geometric_mean
from tlbench.plan import Plan, plan
from tlbench.seeds import stream
from tlbench.suite import Suite
from tlbench.training.config import TrainingConfig
from tlbench.training.loop import DivergedError
from tlbench.transfer import arm as arm_called
from tlbench.tuned import PRETRAINING, Tuned, TunedArm, TunedSettings

JOURNAL, RESULT, LOCK = "journal.log", "tuned.yaml", ".lock"

LEARNING_RATES, FRACTIONS = (1e-4, 1e-2), (1e-3, 0.3)
"""Bounds of the search, on logarithmic scales."""

STARTUP_TRIALS = 4
"""Trials at random before others are pruned by the median or proposed by a model."""


@dataclass(frozen=True)
class Search:
    """What is tuned, and where its trials are kept.

    ``pairs`` models are trained in every trial, with the suite's first pairs of seeds, on the
    ``size`` target structures of each.
    """

    suite: Suite
    trials: int
    size: int
    pairs: int
    out: Path
    store: Path
    device: str

    def studies(self) -> list[tuple[str, str]]:
        """Return backbone and arm of every study, pretraining before what builds on it."""
        arms = [arm_called(name) for name in self.suite.strategies]
        names = [arm.name for arm in arms if arm.trains]
        first = [PRETRAINING] if any(arm.needs_source for arm in arms) else []
        return [(b, name) for b in self.suite.backbones for name in [*first, *names]]

    def digest(self) -> str:
        """Return the SHA-256 of everything that determines a trial."""
        text = f"{self.suite.digest()} {self.size} {self.pairs}"
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Standing:
    """How a study stands: trials that have ended, and the best error so far, meV/Å."""

    backbone: str
    arm: str
    ended: int
    best: float | None


def tune(
    search: Search,
    workers: int = 1,
    on_change: Callable[[list[Standing]], None] = lambda standings: None,
) -> Tuned:
    """Run all trials that have not been run, and write the best settings to ``tuned.yaml``.

    Several processes may call this with the same folder at once, and share the trials.

    Parameters
    ----------
    workers
        Trials at a time.
    on_change
        Called now and then with how every study stands.

    Raises
    ------
    InputError
        If the folder is of another search, or trials cannot be run.
    """
    if not search.studies():
        raise InputError("None of the suite's strategies trains anything, so nothing is tuned.")
    _prepare(search)
    # The data sets are made once, before workers wait for each other's.
    data = {k: job for k, job in plan(search.suite).jobs.items() if job.kind == "dataset"}
    _must_run(data, search)
    context = multiprocessing.get_context("spawn")
    with _alone(search):
        pool = [
            context.Process(target=_work, args=(search, number), daemon=True)
            for number in range(workers)
        ]
        for process in pool:
            process.start()
        try:
            while any(process.is_alive() for process in pool):
                on_change(standings(search))
                for process in pool:
                    process.join(timeout=1.0 / len(pool))
        finally:
            for process in pool:
                process.terminate()
                process.join()
    on_change(standings(search))
    if any(process.exitcode for process in pool):
        raise TlbenchError(
            "A worker stopped; finished trials are kept, and the same command goes on. Its log is "
            f"in {search.out}."
        )
    tuned = best(search)
    write_whole(search.out / RESULT, yaml.safe_dump(tuned.model_dump(), sort_keys=False))
    return tuned


def standings(search: Search) -> list[Standing]:
    """Return how every study stands."""
    found = []
    for backbone, name in search.studies():
        ended = _ended(_study(search, backbone, name), search.trials)
        values = [trial.value for trial in ended if trial.state.name == "COMPLETE"]
        found.append(Standing(backbone, name, len(ended), min(values, default=None)))
    return found


def best(search: Search) -> Tuned:
    """Return the best settings of every study, all of whose trials have ended."""
    arms: dict[str, dict[str, TunedArm]] = {}
    told = []
    for backbone, name in search.studies():
        trials = _ended(_study(search, backbone, name), search.trials)
        complete = [t for t in trials if t.state.name == "COMPLETE"]
        if not complete:
            raise InputError(f"No trial of {backbone}, {name} came to its end; widen the budget.")
        chosen = min(complete, key=lambda t: (t.value, t.number))
        first = next((t for t in complete if t.number == 0), None)
        arms.setdefault(backbone, {})[name] = TunedArm(
            settings=TunedSettings(**chosen.params),
            trials=len(trials),
            pruned=len(trials) - len(complete),
            validation_force_mae=chosen.value,
            default_validation_force_mae=first.value if first else None,
        )
        told += [[backbone, name, t.number, t.params, t.value, t.state.name] for t in trials]
    return Tuned(
        suite=search.suite.name,
        suite_digest=search.suite.digest(),
        study=hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest(),
        size=search.size,
        pairs=search.pairs,
        arms=arms,
    )


def _prepare(search: Search) -> None:
    """Make the folder, or refuse one of another search."""
    named = search.out / "search.json"
    text = json.dumps({"digest": search.digest()}) + "\n"
    try:
        search.out.mkdir(parents=True, exist_ok=True)
        if not named.exists():
            write_whole(named, text)
        found = named.read_text()
    except OSError as error:
        raise InputError(
            f"{search.out} cannot be written ({error.strerror}); choose another --out."
        ) from error
    if found != text:
        raise InputError(
            f"{search.out} holds the tuning of another suite, size or number of pairs; choose "
            "another folder with --out."
        )


@contextmanager
def _alone(search: Search) -> Iterator[None]:
    """Whoever is alone in the folder ends the trials that a killed process left running."""
    lock = FileLock(search.out / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield
        return
    try:
        for backbone, name in search.studies():
            study = _study(search, backbone, name)
            for trial in study.get_trials(deepcopy=False):
                if trial.state.name == "RUNNING":
                    study.tell(trial.number, state=_state("FAIL"))
        yield
    finally:
        lock.release()


def _work(search: Search, worker: int) -> None:
    """Run trials of one study after the other until all have enough."""
    import torch

    torch.set_num_threads(1)
    store = Store(search.store)
    for backbone, name in search.studies():
        _wait_for_pretraining(search, backbone, name)
        tuned = _pretraining(search, backbone)
        study = _study(search, backbone, name, worker)
        while _claimed(study) < search.trials:
            study.optimize(
                lambda trial, b=backbone, n=name, t=tuned: _objective(
                    search, store, b, n, t, trial
                ),
                n_trials=1,
                catch=(DivergedError,),
            )


def _wait_for_pretraining(search: Search, backbone: str, name: str) -> None:
    """Wait until others have ended the trials that this study builds on."""
    if name == PRETRAINING or (backbone, PRETRAINING) not in search.studies():
        return
    while len(_ended(_study(search, backbone, PRETRAINING), search.trials)) < search.trials:
        time.sleep(0.5)


def _pretraining(search: Search, backbone: str) -> TunedSettings | None:
    """Return the best settings of pretraining, once all of its trials have ended."""
    if (backbone, PRETRAINING) not in search.studies():
        return None
    trials = _ended(_study(search, backbone, PRETRAINING), search.trials)
    complete = [t for t in trials if t.state.name == "COMPLETE"]
    if len(trials) < search.trials or not complete:
        return None
    return TunedSettings(**min(complete, key=lambda t: (t.value, t.number)).params)


def _objective(
    search: Search,
    store: Store,
    backbone: str,
    name: str,
    pretraining: TunedSettings | None,
    trial: Any,
) -> float:
    """Train one trial's models; return the geometric mean of their validation errors."""
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
        _must_run(_ancestors(planned, key), search)
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
    return float(store.result(job.key)["validation_force_mae"])


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


def _must_run(jobs: dict[str, Job], search: Search) -> None:
    report = run_jobs(jobs, Store(search.store), partial(local, 1), search.device, thorough=True)
    for key, error in report.errors.items():
        raise InputError(f"{jobs[key].label} cannot be done: {error}")


def _study(search: Search, backbone: str, name: str, worker: int = 0) -> Any:
    """Open a study; a new one begins with the suite's own settings."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = JournalStorage(JournalFileBackend(str(search.out / JOURNAL)))
    title = f"{backbone} {name}"
    # Workers propose different settings.
    seed = stream("tuning", search.digest(), title, worker) % 2**32
    study = optuna.create_study(
        storage=storage,
        study_name=title,
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS),
    )
    if not study.get_trials(deepcopy=False):
        suite = search.suite
        untuned: TrainingConfig = suite.pretraining if name == PRETRAINING else suite.training
        own = TunedSettings(
            learning_rate=untuned.learning_rate,
            final_learning_rate_fraction=untuned.final_learning_rate_fraction,
        )
        study.enqueue_trial(own.model_dump(), skip_if_exists=True)
    return study


def _ended(study: Any, trials: int) -> list[Any]:
    """Return the first trials that came to an end or were pruned, so many at most."""
    ended = [t for t in study.get_trials(deepcopy=False) if t.state.name in ("COMPLETE", "PRUNED")]
    return ended[:trials]


def _claimed(study: Any) -> int:
    """Return how many trials have ended or are run by somebody."""
    states = ("COMPLETE", "PRUNED", "RUNNING")
    return sum(t.state.name in states for t in study.get_trials(deepcopy=False))


def _state(name: str) -> Any:
    from optuna.trial import TrialState

    return TrialState[name]
