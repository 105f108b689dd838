"""Whether one number tells another: rank correlation, and prediction of what was left out."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from tlbench.metrics.statistics.bootstrap import TAIL

MIN_POINTS = 6
"""With fewer points no interval is given, and nothing is concluded."""


@dataclass(frozen=True)
class Association:
    """How well x tells y.

    Attributes
    ----------
    rho
        Spearman's rank correlation, from -1 to 1.
    n_points
        How many points it is taken over.
    interval
        Its 95 % interval; None below `MIN_POINTS`.
    chance
        Share of relabellings that correlate as strongly; None where there are none.
    skill
        Error of predicting points that were left out from x, over that of predicting them by the
        mean of the others: below 1 if x is of use. None if it cannot be told.
    """

    rho: float
    n_points: int
    interval: tuple[float, float] | None
    skill: float | None
    chance: float | None = None

    @property
    def is_resolved(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.interval is not None and not self.interval[0] <= 0 <= self.interval[1]


def association(
    x: Sequence[float],
    y: Sequence[float],
    groups: Sequence[Hashable],
    relabelled: Sequence[Sequence[float]] = (),
) -> Association | None:
    """Return how well ``x`` tells ``y``; None where one of them does not vary, or has no points.

    The interval is that of Bonett & Wright (*Psychometrika* 65, 23, 2000),
    tanh(atanh ρ ± z √((1 + ρ²/2)/(n - 3))). It takes points to be independent; points that share
    an element or a model are not, and then it is too narrow.

    Parameters
    ----------
    groups
        What belongs together, as a pair of elements and its reverse: it is left out together when
        it is predicted, by a straight line through the others.
    relabelled
        What ``x`` would be if the things it is of, such as elements, exchanged their names; the
        names as they are among them. Unlike the interval, the share of these that correlate as
        strongly allows for points that share an element (the quadratic assignment procedure;
        Krackhardt, *Social Networks* 10, 359, 1988).
    """
    from scipy.special import ndtri
    from scipy.stats import rankdata, spearmanr

    n = len(x)
    if n < 3 or len(set(x)) < 2 or len(set(y)) < 2:
        return None
    rho = float(spearmanr(x, y).statistic)
    interval = None
    if n >= MIN_POINTS:
        # The next lower value that there is, that of one exchange: 1 has no finite atanh.
        highest = 1 - 12 / (n * (n**2 - 1))
        middle = math.atanh(max(-highest, min(highest, rho)))
        reach = float(ndtri(1 - TAIL)) * math.sqrt((1 + rho**2 / 2) / (n - 3))
        interval = math.tanh(middle - reach), math.tanh(middle + reach)
    chance = None
    if len(relabelled):
        others = _correlations(rankdata(relabelled, axis=1), rankdata(y))
        chance = float(np.mean(np.abs(others) >= abs(rho) - 1e-9))
    return Association(rho, n, interval, _skill(np.array(x), np.array(y), groups), chance)


def _correlations(rows: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation of each row with ``y``."""
    x, y = rows - rows.mean(axis=1, keepdims=True), y - y.mean()
    found: np.ndarray = x @ y / (np.linalg.norm(x, axis=1) * np.linalg.norm(y))
    return found


def _skill(x: np.ndarray, y: np.ndarray, groups: Sequence[Hashable]) -> float | None:
    by_line, by_mean = [], []
    for group in dict.fromkeys(groups):
        left_out = np.array([each == group for each in groups])
        known_x, known_y = x[~left_out], y[~left_out]
        if len(known_x) < 2 or not np.ptp(known_x) > 0:
            return None
        slope, start = np.polyfit(known_x, known_y, 1)
        by_line += list(y[left_out] - (slope * x[left_out] + start))
        by_mean += list(y[left_out] - known_y.mean())
    error = float(np.sqrt(np.mean(np.square(by_mean))))
    return float(np.sqrt(np.mean(np.square(by_line)))) / error if error > 0 else None
