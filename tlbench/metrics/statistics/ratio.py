"""Pairs of seeds, and the ratio of two arms' errors over them, at one size or over a curve.

A pair (subset seed, init seed) is the unit of replication, never a frame: frames of one model share
its weights and are not independent.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from tlbench.metrics.spec import Floats
from tlbench.metrics.statistics.interval import (
    MIN_PAIRS,
    ROUNDING,
    Interval,
    mean_interval,
    p_value,
    standard_error,
)

Pair = tuple[int | None, int | None]
"""(subset seed, init seed); the subset seed is None where no subset is drawn, see also `FIXED`."""

FIXED: Pair = (None, None)
"""The one model of an arm that has no others: a published potential as it is."""

Table = Mapping[Pair, float]
"""The error of one arm at one size, by pair."""

Curve = Mapping[int, Table]
"""Learning curve of one arm: size → table."""

Measured = TypeVar("Measured")
"""What is measured of each pair: an error, or those of every test structure."""


def geometric_mean(values: list[float]) -> float:
    """Return the geometric mean of positive values."""
    return float(np.exp(np.mean(np.log(values))))


def in_order(pairs: Iterable[Pair]) -> list[Pair]:
    """Return the pairs sorted, those without a subset first."""
    return sorted(pairs, key=lambda pair: [-1 if seed is None else seed for seed in pair])


def model_of(table: Mapping[Pair, object], pair: Pair) -> Pair | None:
    """Return under which pair ``table`` holds the model that stands for ``pair``.

    That is the pair itself or, in an arm that draws no subset, the model of its init seed or the
    one that has no seed; None if there is none of these.
    """
    candidates: tuple[Pair, ...] = (pair, (None, pair[1]), FIXED)
    return next((candidate for candidate in candidates if candidate in table), None)


def over_shared(tables: Sequence[Table]) -> list[Table]:
    """Return tables over the pairs that all of them have, of which means can be compared."""
    pairs = in_order({pair for table in tables for pair in table})
    return [
        {
            model: table[model]
            for pair in pairs
            if all(model_of(each, pair) is not None for each in tables)
            and (model := model_of(table, pair)) is not None
        }
        for table in tables
    ]


def positive_log(error: float) -> float:
    """Return log(error).

    Raises
    ------
    ValueError
        If it is not positive.
    """
    if not error > 0:
        raise ValueError(f"ratios are taken of positive values, and this one is {error}")
    return math.log(error)


def matched(
    arm: Mapping[Pair, Measured], baseline: Mapping[Pair, Measured]
) -> dict[Pair, list[tuple[Measured, Measured]]]:
    """Return what is compared, (arm, baseline), by independent unit, in order.

    A unit is a pair that both arms have. Where one of them draws no subset (zero-shot), its
    model is compared with those of the same init seed on every subset, and all of these are one
    unit, (None, init seed), because they share a model.

    A published potential as it is, `FIXED`, is not a sample of models: its error is a constant that
    every pair is compared with, so that all spread is that of the other arm, whose units count.
    Two of them are one unit.
    """
    found: dict[Pair, list[tuple[Measured, Measured]]] = defaultdict(list)
    for pair in in_order({*arm, *baseline}):
        ours, theirs = model_of(arm, pair), model_of(baseline, pair)
        if ours is None or theirs is None:
            continue
        drawn = [model for model in (ours, theirs) if model != FIXED]
        shared = any(subset is None for subset, _ in drawn)
        unit = (None, pair[1]) if shared else pair
        found[unit].append((arm[ours], baseline[theirs]))
    return {unit: found[unit] for unit in in_order(found)}


def log_ratios(arm: Table, baseline: Table) -> dict[Pair, float]:
    """Return log(arm/baseline) of every independent unit, in order.

    The units are those of `matched`; a unit of several ratios has their mean, so every unit
    counts the same however many subsets it spans.

    Raises
    ------
    ValueError
        If an error that is compared is not positive: it has no logarithm.
    """
    return {
        unit: math.fsum(positive_log(ours) - positive_log(theirs) for ours, theirs in errors)
        / len(errors)
        for unit, errors in matched(arm, baseline).items()
    }


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
        Its 95 % interval, Student's of the mean log ratio; None below `MIN_PAIRS` pairs.
    p
        p value of Student's test of the hypothesis that the mean log ratio is 0; None without an
        interval. Of several hypotheses, see `holm`.
    """

    value: float
    n_pairs: int
    interval: Interval | None = None
    p: float | None = None


def ratio_of(logs: Iterable[float]) -> Ratio:
    """Return the ratio whose logarithm is the mean of ``logs``, one of each independent pair."""
    values = np.array(list(logs))
    mean, n_pairs = float(values.mean()), len(values)
    if n_pairs < MIN_PAIRS:
        return Ratio(math.exp(mean), n_pairs)
    low, high = mean_interval(values)
    p = p_value(mean, float(standard_error(values)), n_pairs - 1)
    return Ratio(math.exp(mean), n_pairs, Interval(math.exp(low), math.exp(high)), p)


def paired_ratio(arm: Table, baseline: Table) -> Ratio | None:
    """Compare two arms over the pairs that both have; None if they share none.

    An arm that draws no subset (zero-shot) is compared with the baseline of the same init seed
    for every subset; its number of pairs is the number of independent models it has, and each
    counts the same. The order of the pairs does not matter, and exchanging the arms inverts the
    value and the interval.

    Parameters
    ----------
    arm, baseline
        Positive errors by pair. They may be of different sizes, as where 10 structures with
        transfer are compared with 50 from scratch: subsets are nested, so pairs still match.

    Raises
    ------
    ValueError
        If an error is not positive.
    """
    logs = log_ratios(arm, baseline)
    return ratio_of(logs.values()) if logs else None


def area_ratio(arm: Curve, baseline: Curve) -> Ratio | None:
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

    Returns
    -------
    Ratio or None
        None with fewer than two common sizes, or without a pair that has them all.
    """
    sizes = sorted(size for size in arm.keys() & baseline.keys() if size > 0)
    if len(sizes) < 2:
        return None
    arm_tables, baseline_tables = complete(arm, sizes), complete(baseline, sizes)
    ratios = [log_ratios(*tables) for tables in zip(arm_tables, baseline_tables, strict=True)]
    areas = _trapezoid_weights(sizes) @ np.array([list(at_size.values()) for at_size in ratios])
    return ratio_of(areas) if areas.size else None


def complete(curve: Curve, sizes: list[int]) -> list[Table]:
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
    holds for each comparison by itself: among twenty of them, one false claim is expected (see
    `holm`).
    """
    if ratio.interval is None:
        return "too few pairs"
    return _VERDICTS[ratio.interval.side()]


def negative_transfer(ratio: Ratio) -> NegativeTransfer:
    """Return "significant" for a loss, "seen" where the arm was worse but chance may explain it."""
    if verdict(ratio) == "loss":
        return "significant"
    return "seen" if ratio.value > 1 + ROUNDING else ""
