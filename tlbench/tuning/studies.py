"""The trials of every backbone and arm: an optuna study each, in one journal."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from tlbench.errors import InputError
from tlbench.transfer import arm as arm_called
from tlbench.tuned import PRETRAINING, TunedSettings
from tlbench.tuning.search import Search

JOURNAL, LOCKS = "journal.log", "locks"
NUMBER = "number"

STARTUP_TRIALS = 4
"""Trials at random before others are pruned by the median or proposed by a model."""


def study_of(search: Search, backbone: str, name: str) -> Any:
    """Open a study, or return None while the pretraining that it builds on is being tuned.

    With another source model it is another study.
    """
    import optuna

    built_on = ""
    if name != PRETRAINING and arm_called(name).needs_source:
        pretraining = study_of(search, backbone, PRETRAINING)
        if len(ended(pretraining, search.trials)) < search.trials:
            return None
        built_on = f" on {pretraining_of(search, backbone)}"
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


def pretraining_of(search: Search, backbone: str) -> TunedSettings | None:
    """Return the best settings of pretraining, or None if no arm transfers.

    Raises
    ------
    InputError
        If all of its trials diverged.
    """
    if (backbone, PRETRAINING) not in search.studies():
        return None
    chosen = best_of(ended(study_of(search, backbone, PRETRAINING), search.trials))
    if chosen is None:
        raise InputError(f"Every trial of pretraining {backbone} diverged; change the settings.")
    return TunedSettings(**chosen.params)


@contextmanager
def claim(search: Search, study: Any, number: int) -> Iterator[bool]:
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


def mend(path: Path) -> None:
    """Cut off a last line that a killed process was in the middle of writing."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    if content and not content.endswith(b"\n"):
        path.write_bytes(content[: content.rfind(b"\n") + 1])


def ended(study: Any, trials: int) -> dict[int, Any]:
    """Return the trials below a number that have ended, by their numbers."""
    found: dict[int, Any] = {}
    for trial in study.get_trials(deepcopy=False):
        number = trial.user_attrs.get(NUMBER)
        if number is not None and number < trials and trial.state.name in ("COMPLETE", "PRUNED"):
            found.setdefault(number, trial)
    return dict(sorted(found.items()))


def is_complete(trial: Any) -> bool:
    """Return whether a trial was neither pruned nor diverged."""
    return bool(trial.state.name == "COMPLETE")


def best_of(trials: dict[int, Any]) -> Any | None:
    """Return the trial with the smallest error, the first of equals; None if none has one."""
    complete = [(t.value, number) for number, t in trials.items() if is_complete(t)]
    return trials[min(complete)[1]] if complete else None
