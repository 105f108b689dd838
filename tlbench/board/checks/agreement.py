"""How far errors and data sets found again are from those that were published."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf, isfinite, nan
from pathlib import Path
from typing import Any

import numpy as np

from tlbench.base.errors import InputError
from tlbench.base.schema import validate
from tlbench.board.checks.record import FORMAT, Check, CheckedModel, Kind, Machine, outcome
from tlbench.board.reading import Entry
from tlbench.board.verification.models import Model, measured_models
from tlbench.data.cards import Card
from tlbench.data.frames import Frames
from tlbench.data.origins import SPLITS
from tlbench.engine.store.store import State, Store
from tlbench.jobs.context import data_file
from tlbench.metrics import METRICS
from tlbench.metrics.conditions import key_of
from tlbench.metrics.spec import Errors, Floats, FrameErrors
from tlbench.results.frame_errors import ModelErrors, rounded
from tlbench.results.records import Record
from tlbench.run import load_dataset
from tlbench.study.plan import dataset_job


@dataclass(frozen=True)
class Findings:
    """What was found of models that were trained or evaluated again.

    Attributes
    ----------
    problems
        What prevented other models from being checked, which says nothing about the submission.
    seed, drawn
        As in `Check`.
    """

    kind: Kind
    models: list[CheckedModel]
    problems: list[str] = field(default_factory=list)
    seed: int | None = None
    drawn: int | None = None

    def agrees(self, tolerance: float) -> bool:
        """Return whether models were checked, and all numbers of them were found again."""
        good = all(model.agrees(tolerance) for model in self.models)
        return bool(self.models) and not self.problems and good

    def text(self, n_models: int, tolerance: float) -> str:
        """Return the outcome in one line, for a submission of so many models."""
        return outcome(self.kind, self.models, n_models, tolerance)

    def check(self, entry: Entry, tolerance: float, by: str | None, machine: Machine) -> Check:
        """Return the check record of these findings.

        Raises
        ------
        InputError
            If they cannot be published: models could not be checked, or the tolerance is too large.
        """
        if self.problems:
            raise InputError(f"Nothing is recorded of {entry.label}: {self.problems[0]}")
        content = {
            "format": FORMAT,
            "kind": self.kind,
            "suite": entry.about.suite,
            "submission": entry.folder.name,
            "digest": entry.digest,
            "seed": self.seed,
            "drawn": self.drawn,
            "models": self.models,
            "n_models": len(measured_models(entry)),
            "tolerance": tolerance,
            "by": by,
            "date": datetime.now(UTC).date(),
            "machine": machine,
        }
        return validate(Check, content, "the check record")


def compare(
    model: Model,
    published: ModelErrors,
    found: list[dict[str, Any]],
    errors: Path,
    *,
    same_weights: bool,
) -> CheckedModel:
    r"""Compare a model of a submission with what measuring it anew has given.

    Two numbers :math:`a` and :math:`b` differ by :math:`|a - b| / \max(|a|, |b|)`, two lists of
    errors, one for each test structure, by :math:`\sum_i |a_i - b_i| / \sum_i \max(|a_i|, |b_i|)`.
    Means of two models may agree by chance or by choice; lists of errors hardly can.

    Parameters
    ----------
    found
        Metrics as the job that measures a model returns them.
    errors
        File of errors that the job has written.
    same_weights
        Whether the weights are the published ones.
    """
    with np.load(errors, allow_pickle=False) as file:
        again = FrameErrors.of(Errors(**file))
    values = {(m["metric"], key_of(m["condition"])): m["value"] for m in found}
    differences = [
        _difference(r, values.get((r.metric, key_of(r.condition)), nan)) for r in model.records
    ]
    differences += [
        _distance(np.array(published.force_abs), np.array(rounded(again.force_abs))),
        _distance(np.sqrt(published.force_square), np.sqrt(rounded(again.force_square))),
    ]
    parts = again.by_element
    beside: list[tuple[Sequence[float | None] | None, Floats | None]] = [
        (published.energy, again.energy),
        (published.stress_abs, again.stress_abs),
        *(
            (each.force_abs, parts[symbol].force_abs if symbol in parts else None)
            for symbol, each in published.by_element.items()
        ),
    ]
    differences += [_of_known(given, anew) for given, anew in beside if given is not None]
    largest = max(differences)
    if not isfinite(largest):
        problem = "it does not give all of its published numbers"
        return not_compared(model, problem, len(model.records), same_weights)
    return CheckedModel(
        model=model.where.label(),
        job=model.job,
        numbers=len(model.records),
        largest=largest,
        same_weights=same_weights,
    )


def not_compared(
    model: Model, problem: str, numbers: int = 0, same_weights: bool = False
) -> CheckedModel:
    """Return a model that could not be compared, with the reason."""
    return CheckedModel(
        model=model.where.label(),
        job=model.job,
        numbers=numbers,
        largest=None,
        same_weights=same_weights,
        problem=problem[:200],
    )


def _difference(record: Record, found: float) -> float:
    # Where errors of opposite sign cancel, rounding is a large share of what is left of them; the
    # errors that they are made of are compared one by one.
    if isfinite(found) and METRICS.get(record.metric).better == "nearer to 0":
        return 0.0
    return _distance(np.array([record.value]), np.array([found]))


def _of_known(published: Sequence[float | None], found: Floats | None) -> float:
    """Return how far errors are apart that are known of some structures."""
    if found is None:
        return inf
    given, known = np.array(published, dtype=np.float64), np.isfinite(found)
    if (np.isfinite(given) != known).any():
        return inf
    return _distance(given[known], np.array(rounded(found[known])))


def _distance(given: Floats, found: Floats) -> float:
    if given.shape != found.shape or not np.isfinite(found).all():
        return inf
    scale = np.maximum(np.abs(given), np.abs(found)).sum()
    return float(np.abs(given - found).sum() / scale) if scale else 0.0


def same_data(entry: Entry, store: Path, mirror: Path | None) -> tuple[dict[str, Path], list[str]]:
    """Return where each data set is, by its published job, and which data sets differ.

    Parameters
    ----------
    store
        Where the data sets are, or will be made.
    mirror
        Folder in which their files are looked for before they are downloaded.

    Raises
    ------
    TlbenchError
        If a data set can neither be read nor made.
    """
    folders, problems = {}, []
    for data in entry.about.data:
        card = entry.cards[data.recipe]
        if card.content(_parts(card, store, mirror)) == data.content:
            folders[data.job] = Store(store).folder(dataset_job(card).key)
            continue
        why = "the files are the same, so the submission's digest is wrong"
        if not card.origin.is_fixed:
            why = "dynamics sampled on another processor differ: use a machine of the same kind"
        problems.append(
            f"{data.card} has other structures here than in the submission, so nothing of it can "
            f"be compared ({why})."
        )
    return folders, problems


def _parts(card: Card, store: Path, mirror: Path | None) -> dict[str, Frames]:
    job, opened = dataset_job(card).key, Store(store)
    if opened.state(job, thorough=True) is State.FINISHED:
        # The files of a private submission are seldom beside its cards.
        return {split: Frames.load(opened.folder(job) / data_file(split)) for split in SPLITS}
    return load_dataset(card, store, mirror)
