"""Fair tuning: every backbone and strategy gets as many trials, of the suite's own budget.

Trials are training jobs like any other, judged by their error on validation structures; test sets
are never read. Pretraining is tuned first, on source data, and its best settings serve every
strategy that transfers. Trial 0 of each study is the suite's own settings, so tuning cannot make
a validation error worse.

Trials are numbered; whoever runs one holds its lock, which is freed if its holder dies, and its
proposal is drawn with a seed of its own. A trial that diverges has ended like any other.
"""

import hashlib
import json
import multiprocessing
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
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

JOURNAL, RESULT, LOCKS = "journal.log", "tuned.yaml", "locks"
NUMBER = "number"

LEARNING_RATES, FRACTIONS = (1e-4, 1e-2), (1e-3, 0.3)
"""Bounds of the search, on logarithmic scales."""

POLL_SECONDS, WAIT_SECONDS = 2.0, 0.5

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
    pool = [context.Process(target=_work, args=(search,), daemon=True) for _ in range(workers)]
    for process in pool:
        process.start()
    try:
        while any(process.is_alive() for process in pool):
            on_change(standings(search))
            pool[0].join(timeout=POLL_SECONDS)
            for process in pool[1:]:
                process.join(timeout=0)
    finally:
        for process in pool:
            process.terminate()
            process.join()
    on_change(standings(search))
    if any(process.exitcode for process in pool):
        raise TlbenchError(
            "A worker stopped, as it says above; finished trials are kept, and the same command "
            "goes on."
        )
    tuned = best(search)
    write_whole(search.out / RESULT, yaml.safe_dump(tuned.model_dump(), sort_keys=False))
    return tuned


def standings(search: Search) -> list[Standing]:
    """Return how every study stands."""
    found = []
    for backbone, name in search.studies():
        study = _study(search, backbone, name)
        ended = [] if study is None else list(_ended(study, search.trials).values())
        values = [trial.value for trial in ended if _is_complete(trial)]
        found.append(Standing(backbone, name, len(ended), min(values, default=None)))
    return found


def best(search: Search) -> Tuned:
    """Return the best settings of every study, all of whose trials have ended."""
    arms: dict[str, dict[str, TunedArm]] = {}
    told = []
    for backbone, name in search.studies():
        study = _study(search, backbone, name)
        trials = {} if study is None else _ended(study, search.trials)
        chosen = _best_of(trials)
        if chosen is None:
            raise InputError(
                f"Every trial of {backbone}, {name} diverged, also that of the suite's own "
                "settings; change them."
            )
        complete = [t for t in trials.values() if _is_complete(t)]
        own = trials.get(0)
        arms.setdefault(backbone, {})[name] = TunedArm(
            settings=TunedSettings(**chosen.params),
            trials=len(trials),
            pruned=len(trials) - len(complete),
            validation_force_mae=chosen.value,
            default_validation_force_mae=own.value if own and _is_complete(own) else None,
        )
        told += [[backbone, name, n, t.params, t.value, t.state.name] for n, t in trials.items()]
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
        (search.out / LOCKS).mkdir(exist_ok=True)
        with FileLock(search.out / LOCKS / "journal.lock", timeout=10):
            _mend(search.out / JOURNAL)
    except OSError as error:
        raise InputError(
            f"{search.out} cannot be written ({error.strerror}); choose another --out."
        ) from error
    if found != text:
        raise InputError(
            f"{search.out} holds the tuning of another suite, size or number of pairs; choose "
            "another folder with --out."
        )


def _work(search: Search) -> None:
    """Run trials of one study after the other until all have enough."""
    import torch

    torch.set_num_threads(1)
    store = Store(search.store)
    for backbone, name in search.studies():
        while (study := _study(search, backbone, name)) is None:
            # Others still run trials of the pretraining that this study builds on.
            time.sleep(WAIT_SECONDS)
        pretraining = _pretraining(search, backbone) if name != PRETRAINING else None
        while len(_ended(study, search.trials)) < search.trials:
            ran = False
            for number in range(search.trials):
                with _claim(search, study, number) as mine:
                    if mine and number not in _ended(study, search.trials):
                        _run_trial(search, store, study, backbone, name, pretraining, number)
                        ran = True
            if not ran:
                time.sleep(WAIT_SECONDS)


@contextmanager
def _claim(search: Search, study: Any, number: int) -> Iterator[bool]:
    """Hold the lock of a trial; yield whether it was free."""
    name = hashlib.sha256(f"{study.study_name} {number}".encode()).hexdigest()[:16]
    lock = FileLock(search.out / LOCKS / f"{name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


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

    if number == 0:
        study.enqueue_trial(_own(search.suite, name).model_dump(), user_attrs={NUMBER: 0})
    seed = stream("tuning", search.digest(), study.study_name, number) % 2**32
    study.sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS)
    trial = study.ask()
    trial.set_user_attr(NUMBER, number)
    try:
        value = _objective(search, store, backbone, name, pretraining, trial)
    except (optuna.TrialPruned, DivergedError):
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    else:
        study.tell(trial, value)


def _own(suite: Suite, name: str) -> TunedSettings:
    """Return the suite's own settings of an arm."""
    untuned: TrainingConfig = suite.pretraining if name == PRETRAINING else suite.training
    return TunedSettings(
        learning_rate=untuned.learning_rate,
        final_learning_rate_fraction=untuned.final_learning_rate_fraction,
    )


def _pretraining(search: Search, backbone: str) -> TunedSettings | None:
    """Return the best settings of pretraining, or None if no arm transfers.

    Raises
    ------
    InputError
        If all of its trials diverged.
    """
    if (backbone, PRETRAINING) not in search.studies():
        return None
    chosen = _best_of(_ended(_study(search, backbone, PRETRAINING), search.trials))
    if chosen is None:
        raise InputError(f"Every trial of pretraining {backbone} diverged; change the settings.")
    return TunedSettings(**chosen.params)


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


def _study(search: Search, backbone: str, name: str) -> Any:
    """Open a study, or return None while the pretraining that it builds on is being tuned.

    With another source model it is another study.
    """
    import optuna

    built_on = ""
    if name != PRETRAINING and (backbone, PRETRAINING) in search.studies():
        pretraining = _study(search, backbone, PRETRAINING)
        if len(_ended(pretraining, search.trials)) < search.trials:
            return None
        built_on = f" on {_pretraining(search, backbone)}"
    return optuna.create_study(
        storage=_storage(search.out / JOURNAL),
        study_name=f"{backbone} {name}{built_on}",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS),
    )


@cache
def _storage(path: Path) -> Any:
    """Open the journal, once in a process."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        return JournalStorage(JournalFileBackend(str(path)))
    except (ValueError, KeyError) as error:
        raise InputError(
            f"{path} is damaged ({type(error).__name__}); remove it to begin the search anew. "
            "Models that were trained are kept in the store."
        ) from error


def _mend(path: Path) -> None:
    """Cut off a last line that a killed process was in the middle of writing."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    if content and not content.endswith(b"\n"):
        path.write_bytes(content[: content.rfind(b"\n") + 1])


def _ended(study: Any, trials: int) -> dict[int, Any]:
    """Return the trials below a number that have ended, by their numbers."""
    found: dict[int, Any] = {}
    for trial in study.get_trials(deepcopy=False):
        number = trial.user_attrs.get(NUMBER)
        if number is not None and number < trials and trial.state.name in ("COMPLETE", "PRUNED"):
            found.setdefault(number, trial)
    return dict(sorted(found.items()))


def _is_complete(trial: Any) -> bool:
    return bool(trial.state.name == "COMPLETE")


def _best_of(trials: dict[int, Any]) -> Any | None:
    """Return the trial with the smallest error, the first of equals; None if none has one."""
    complete = [(t.value, number) for number, t in trials.items() if _is_complete(t)]
    return trials[min(complete)[1]] if complete else None
