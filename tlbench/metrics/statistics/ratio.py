"""The ratio of two arms' errors."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tlbench.metrics.statistics.bootstrap import MIN_PAIRS, Interval, mean_interval
from tlbench.metrics.statistics.pairs import Table, log_ratios


@dataclass(frozen=True)
class Ratio:
    """Geometric mean of error(arm)/error(baseline) over pairs; < 1 favours the arm.

    Attributes
    ----------
    value
        The geometric mean.
    n_pairs
        How many independent pairs it is taken over.
    interval
        Its 95 % interval; None below `MIN_PAIRS` pairs.
    """

    value: float
    n_pairs: int
    interval: Interval | None = None


def ratio_of(logs: Iterable[float], seed: int) -> Ratio:
    """Return the ratio whose logarithm is the mean of ``logs``, one of each independent pair."""
    values = np.array(list(logs))
    interval = None
    if len(values) >= MIN_PAIRS:
        low, high = mean_interval(values, seed)
        interval = Interval(math.exp(low), math.exp(high))
    return Ratio(math.exp(values.mean()), len(values), interval)


def paired_ratio(arm: Table, baseline: Table, seed: int = 0) -> Ratio | None:
    """Compare two arms over the pairs that both have; None if they share none.

    An arm that draws no subset (zero-shot) is compared with the baseline of the same init seed
    for every subset; its number of pairs is the number of independent models it has, and each
    counts the same. The order of the pairs does not matter, and exchanging the arms inverts the
    value and the interval.

    Parameters
    ----------
    arm, baseline
        Positive errors by pair.
    seed
        Seed of the bootstrap; see `bootstrap_seed`.

    Raises
    ------
    ValueError
        If an error is not positive.
    """
    logs = log_ratios(arm, baseline)
    return ratio_of(logs.values(), seed) if logs else None
