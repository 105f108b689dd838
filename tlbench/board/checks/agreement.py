"""How far published errors of a model and those found again are apart."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from tlbench.board.checks.record import CheckedModel
from tlbench.board.verification.numbers import Model
from tlbench.metrics.conditions import key_of
from tlbench.metrics.spec import Errors, Floats, FrameErrors
from tlbench.results.frame_errors import ModelErrors, rounded


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
        again = FrameErrors.of(Errors(file["energy"], file["forces"], file["n_atoms"]))
    values = {(m["metric"], key_of(m["condition"])): m["value"] for m in found}
    differences = [
        _relative(r.value, values.get((r.metric, key_of(r.condition)))) for r in model.records
    ]
    differences += [
        _distance(np.array(published.force_abs), np.array(rounded(again.force_abs))),
        _distance(np.sqrt(published.force_square), np.sqrt(rounded(again.force_square))),
    ]
    if published.energy is not None:
        differences.append(_distance(np.array(published.energy), np.array(rounded(again.energy))))
    largest = max(differences)
    undefined = not math.isfinite(largest)
    return CheckedModel(
        model=model.where.label(),
        job=model.job,
        numbers=len(model.records),
        largest=None if undefined else largest,
        same_weights=same_weights,
        problem="it does not give all of its published numbers" if undefined else None,
    )


def not_compared(model: Model, problem: str) -> CheckedModel:
    """Return a model that could not be compared, with the reason."""
    return CheckedModel(
        model=model.where.label(),
        job=model.job,
        numbers=0,
        largest=None,
        same_weights=False,
        problem=problem[:200],
    )


def _relative(given: float, found: float | None) -> float:
    if found is None:
        return math.inf
    return 0.0 if given == found else abs(given - found) / max(abs(given), abs(found))


def _distance(given: Floats, found: Floats) -> float:
    if given.shape != found.shape or not np.isfinite(found).all():
        return math.inf
    scale = np.maximum(np.abs(given), np.abs(found)).sum()
    return float(np.abs(given - found).sum() / scale) if scale else 0.0
