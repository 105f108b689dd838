"""What is known of a search: its trials that have ended, and the jobs that diverged.

The store keeps what trials trained, but nothing of a job that diverged, so that is written here.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveFloat

from tlbench.errors import InputError
from tlbench.files import read_bounded, write_whole
from tlbench.schema import Strict
from tlbench.tuned import TunedSettings

TRIALS = "trials.json"


class EndedTrial(Strict):
    """A trial that has ended.

    ``validation_force_mae`` is the geometric mean over its models, meV/Å; None if one diverged.
    """

    backbone: str
    arm: str
    number: NonNegativeInt
    settings: TunedSettings
    validation_force_mae: PositiveFloat | None


class Ledger(Strict):
    """The content of ``trials.json``; ``search`` is a digest, ``diverged`` has keys of jobs."""

    format: Literal[1] = 1
    search: str
    diverged: list[str] = Field(default_factory=list)
    trials: list[EndedTrial] = Field(default_factory=list)


def best_of(trials: Iterable[EndedTrial]) -> EndedTrial | None:
    """Return the trial with the smallest error, the first of equals; None if all diverged."""
    complete = [(t.validation_force_mae, t) for t in trials if t.validation_force_mae is not None]
    return min(complete, key=lambda pair: pair[0])[1] if complete else None


def note(
    out: Path,
    search: str,
    diverged: Iterable[str] = (),
    trials: Iterable[EndedTrial] | None = None,
) -> set[str]:
    """Write down what is known, and return the keys of all jobs that have diverged.

    Several processes may tune in one folder: each adds to the jobs that diverged, and writes all
    trials that it knows, which the others will know, too.

    Parameters
    ----------
    trials
        All trials that have ended; by default those that are written already.

    Raises
    ------
    InputError
        If the folder is of another search, or its file is damaged or cannot be written.
    """
    path = out / TRIALS
    try:
        out.mkdir(parents=True, exist_ok=True)
        before = _read(path, search)
        known = {*diverged, *(before.diverged if before else ())}
        if trials is None:
            trials = before.trials if before else ()
        ledger = Ledger(search=search, diverged=sorted(known), trials=list(trials))
        if ledger != before:
            write_whole(path, ledger.model_dump_json(indent=1) + "\n")
    except OSError as error:
        raise InputError(
            f"{out} cannot be written ({error.strerror}); choose another --out."
        ) from error
    return known


def _read(path: Path, search: str) -> Ledger | None:
    if not path.exists():
        return None
    try:
        found = Ledger.model_validate_json(read_bounded(path))
    except ValueError as error:
        raise InputError(
            f"{path} is damaged; remove it, and the same command goes on: models that were "
            "trained are kept in the store."
        ) from error
    if found.search != search:
        raise InputError(
            f"{path.parent} holds the tuning of another suite, size or number of pairs; choose "
            "another folder with --out."
        )
    return found
