"""The ratio of two arms' errors, at one size or over a learning curve, and what it shows."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tlbench.metrics.spec import Floats
from tlbench.metrics.statistics.bootstrap import MIN_PAIRS, ROUNDING, Interval, mean_interval
from tlbench.metrics.statistics.pairs import Curve, Table, log_ratios

Verdict = Literal["gain", "loss", "undecided", "too few pairs"]
"""Of an arm against the baseline; "loss" is negative transfer."""

NegativeTransfer = Literal["", "seen", "significant"]
"""Whether an arm did worse than the baseline, and whether that may be chance."""

_VERDICTS: dict[int, Verdict] = {-1: "gain", 0: "undecided", 1: "loss"}


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


def area_ratio(arm: Curve, baseline: Curve, seed: int = 0) -> Ratio | None:
    """Compare two learning curves over the sizes that both have.

    The area between the curves of log error over log N (trapezoid rule), divided by the width
    of the range, is a mean log ratio in which every decade of N weighs the same; its exponential
    is returned, a geometric mean ratio over the range. Each pair has an area of its own, so the
    interval is that of `paired_ratio`.

    Parameters
    ----------
    arm, baseline
        Size → pair → positive error. A pair counts only if it has every common size. Size 0
        (zero-shot) has no place on a logarithmic axis and is left out.
    seed
        Seed of the bootstrap; see `bootstrap_seed`.

    Returns
    -------
    Ratio or None
        None with fewer than two common sizes, or without a pair that has them all.
    """
    sizes = sorted(size for size in arm.keys() & baseline.keys() if size > 0)
    if len(sizes) < 2:
        return None
    arm_tables, baseline_tables = _complete(arm, sizes), _complete(baseline, sizes)
    ratios = [log_ratios(*tables) for tables in zip(arm_tables, baseline_tables, strict=True)]
    areas = _trapezoid_weights(sizes) @ np.array([list(at_size.values()) for at_size in ratios])
    return ratio_of(areas, seed) if areas.size else None


def _complete(curve: Curve, sizes: list[int]) -> list[Table]:
    """Return the tables of ``sizes``, each without the pairs that some other lacks."""
    pairs = set.intersection(*(set(curve[size]) for size in sizes))
    return [{pair: curve[size][pair] for pair in pairs} for size in sizes]


def _trapezoid_weights(sizes: list[int]) -> Floats:
    """Return the weight of each size in a mean over log N; they sum to 1."""
    steps = np.diff(np.log(sizes))
    weights: Floats = (np.append(steps, 0) + np.append(0, steps)) / (2 * steps.sum())
    return weights


def verdict(ratio: Ratio) -> Verdict:
    """Return on which side of 1 the 95 % interval lies, if there is one.

    A claim of either kind is made in about 5 % of comparisons of arms that do not differ. That
    holds for each comparison by itself: among twenty of them, one false claim is expected.
    """
    if ratio.interval is None:
        return "too few pairs"
    return _VERDICTS[ratio.interval.side()]


def negative_transfer(ratio: Ratio) -> NegativeTransfer:
    """Return "significant" for a loss, "seen" where the arm was worse but chance may explain it."""
    if verdict(ratio) == "loss":
        return "significant"
    return "seen" if ratio.value > 1 + ROUNDING else ""
