"""Whether submissions say the same."""

import hashlib
from collections.abc import Iterable

from tlbench.leaderboard.per_frame import ModelErrors

Fingerprint = frozenset[str]
"""Digests of the errors of every model."""

DIGITS = 5
"""Significant digits that are compared: fewer than a copy would be disguised in."""


def fingerprint(measured: Iterable[ModelErrors]) -> Fingerprint:
    """Return what tells whose models a submission is of, whatever they are called there."""
    return frozenset(_digest(errors.force_abs) for errors in measured)


def _digest(values: Iterable[float]) -> str:
    text = " ".join(f"{value:.{DIGITS - 1}e}" for value in values)
    return hashlib.sha256(text.encode()).hexdigest()
