"""What is known of a search: its trials that have ended, and the jobs that diverged.

The store keeps what trials trained, but nothing of a job that diverged, so that is written here.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import Field, NonNegativeInt, PositiveFloat

from tlbench.base.errors import InputError
from tlbench.base.formats import Format, later
from tlbench.base.locks import Lock
from tlbench.base.schema import Strict
from tlbench.base.writing import writing
from tlbench.study.tuned import TunedSettings

TRIALS = "trials.json"

LOCK = "tuning.lock"
"""Held while a file that several searches share is rewritten."""


class EndedTrial(Strict):
    """A trial that has ended.

    ``size``, ``updates`` and ``source`` are those of `tlbench.tuning.search.Series`, 0 or empty in
    files that were written before there were any. ``validation_force_mae`` is the geometric mean
    over its models, meV/Å; None if one diverged.
    """

    backbone: str
    arm: str
    size: NonNegativeInt = later(0)
    updates: NonNegativeInt = later(0)
    source: str = later("", max_length=200)
    number: NonNegativeInt
    settings: TunedSettings
    validation_force_mae: PositiveFloat | None

    @property
    def place(self) -> tuple[str, str, int, int, str, int]:
        """Its series and number, which no other trial of a search has."""
        return self.backbone, self.arm, self.size, self.updates, self.source, self.number


class Ledger(Strict):
    """The content of ``trials.json``.

    ``search`` is a digest, ``diverged`` has keys of jobs, ``networks`` backbones with the digest of
    their settings.
    """

    search: str
    diverged: list[str] = Field(default_factory=list)
    trials: list[EndedTrial] = Field(default_factory=list)
    networks: dict[str, str] = later({}, max_length=1000)


LEDGER_FORMAT = Format("file of trials", Ledger)


def best_of(trials: Iterable[EndedTrial]) -> EndedTrial | None:
    """Return the trial with the smallest error, the first of equals; None if all diverged."""
    complete = [(t.validation_force_mae, t) for t in trials if t.validation_force_mae is not None]
    return min(complete, key=lambda pair: pair[0])[1] if complete else None


def note(
    out: Path,
    search: str,
    diverged: Iterable[str] = (),
    trials: Iterable[EndedTrial] = (),
    networks: Mapping[str, str] | None = None,
) -> set[str]:
    """Add to what is written, and return the keys of all jobs that have diverged.

    Several processes may tune in one folder, the same backbones and arms or others, so nothing
    that is written is left out: a trial replaces only the one of its series and number.

    Raises
    ------
    InputError
        If the folder is of another search, or of other settings of one of the ``networks``, or its
        file is damaged or cannot be written.
    """
    path = out / TRIALS
    with writing(out, "choose another --out"):
        out.mkdir(parents=True, exist_ok=True)
        with Lock(out / LOCK):
            before = _read(path, search) or Ledger(search=search)
            known = {*before.diverged, *diverged}
            for name, settings in (networks or {}).items():
                if before.networks.get(name, settings) != settings:
                    raise InputError(
                        f"{out} holds the tuning of {name} with other settings of the network; "
                        "choose another folder with --out."
                    )
            merged = {t.place: t for t in (*before.trials, *trials)}
            # An order of their own, so that the file does not show who wrote first.
            ended = [merged[key] for key in sorted(merged)]
            ledger = Ledger(
                search=search,
                diverged=sorted(known),
                trials=ended,
                networks=before.networks | dict(networks or {}),
            )
            if ledger != before or not path.exists():
                LEDGER_FORMAT.write(path, ledger)
    return known


def ended_trials(out: Path, search: str) -> list[EndedTrial]:
    """Return the trials that are written, by series and number.

    Raises
    ------
    InputError
        If the folder is of another search, or its file is damaged.
    """
    found = _read(out / TRIALS, search)
    return found.trials if found else []


def _read(path: Path, search: str) -> Ledger | None:
    if not path.exists():
        return None
    try:
        found = LEDGER_FORMAT.read(path)
    except InputError as error:
        raise InputError(
            f"{str(error).rstrip('.')}; remove it, and the same command goes on: models that were "
            "trained are kept in the store."
        ) from error
    if found.search != search:
        raise InputError(
            f"{path.parent} holds the tuning of another suite or number of pairs; choose another "
            "folder with --out."
        )
    return found
