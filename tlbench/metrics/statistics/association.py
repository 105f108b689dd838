"""Whether one number predicts another: rank correlation, and prediction of what was left out."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tlbench.metrics.spec import Floats
from tlbench.metrics.statistics.interval import TAIL

MIN_GROUPS = 6
"""With fewer independent groups of points no interval is given, and nothing is concluded."""


@dataclass(frozen=True)
class Association:
    """How well x predicts y.

    Attributes
    ----------
    rho
        Spearman's rank correlation, from -1 to 1.
    n_points, n_groups
        How many points it is taken over, and of how many groups that share nothing.
    interval
        Its 95 % interval; None below `MIN_GROUPS`.
    skill
        Error of predicting groups that were left out from x, over that of predicting them by the
        mean of the others: below 1 if x is of use. None if it is not known.
    chance
        Share of relabellings that correlate as strongly; None where there are none.
    """

    rho: float
    n_points: int
    n_groups: int
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
    relative: bool = False,
) -> Association | None:
    """Return how well ``x`` tells ``y``; None where one of them does not vary, or has no points.

    The interval is that of Bonett & Wright (*Psychometrika* 65, 23, 2000),
    tanh(atanh ρ ± z √((1 + ρ²/2)/(n - 3))), with the number of groups as n: points of one group
    are not independent of each other.

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
    relative
        Whether numbers count from means over several groups, so that none can be left out.
    """
    from scipy.special import ndtri
    from scipy.stats import spearmanr

    n = len(set(groups))
    if len(x) < 3 or len(set(x)) < 2 or len(set(y)) < 2:
        return None
    rho = float(spearmanr(x, y).statistic)
    interval = None
    if n >= MIN_GROUPS:
        # The next lower value that there is, that of one exchange: 1 has no finite atanh.
        highest = 1 - 12 / (n * (n**2 - 1))
        middle = math.atanh(max(-highest, min(highest, rho)))
        reach = float(ndtri(1 - TAIL)) * math.sqrt((1 + rho**2 / 2) / (n - 3))
        interval = math.tanh(middle - reach), math.tanh(middle + reach)
    chance = None
    if len(relabelled):
        others = null_correlations(relabelled, y)
        chance = float(np.mean(np.abs(others) >= abs(rho) - 1e-9))
    skill = None if relative else _skill(np.array(x), np.array(y), groups)
    return Association(rho, len(x), n, interval, skill, chance)


def null_correlations(relabelled: Sequence[Sequence[float]], y: Sequence[float]) -> Floats:
    """Return Spearman's correlation of each relabelling with ``y``."""
    from scipy.stats import rankdata

    ranks = rankdata(relabelled, axis=1)
    x, of_y = ranks - ranks.mean(axis=1, keepdims=True), rankdata(y) - (len(y) + 1) / 2
    length = np.linalg.norm(x, axis=1) * np.linalg.norm(of_y)
    found: Floats = x @ of_y / np.where(length > 0, length, np.inf)
    return found


def _skill(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], groups: Sequence[Hashable]
) -> float | None:
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
