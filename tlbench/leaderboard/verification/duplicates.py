"""Whether submissions say the same."""

import hashlib
from collections.abc import Iterable

from tlbench.leaderboard.per_frame import ModelErrors

Fingerprint = frozenset[str]
"""Digests of the errors of every model."""

DIGITS = 5
"""Significant digits that are compared between submissions: fewer than would disguise a copy."""


ALIKE = 0.9
"""Share of models: a known backbone run beside one's own is no copy."""


def fingerprint(measured: Iterable[ModelErrors]) -> Fingerprint:
    """Return what identifies the models of a submission, whatever they are called in it."""
    return frozenset(_digest(errors.force_abs) for errors in measured)


def resemble(mine: Fingerprint, theirs: Fingerprint) -> bool:
    """Return whether nearly all models of the first submission stand in the second."""
    return len(mine & theirs) >= ALIKE * len(mine)


def _digest(values: Iterable[float]) -> str:
    text = " ".join(f"{value:.{DIGITS - 1}e}" for value in values)
    return hashlib.sha256(text.encode()).hexdigest()
