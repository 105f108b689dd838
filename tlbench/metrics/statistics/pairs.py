"""Pairs: the unit of replication.

It is a (subset seed, init seed) pair, never a frame: frames of one model share its weights and
are not independent.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np

Pair = tuple[int | None, int]
"""(subset seed, init seed); the subset seed is None where no subset is drawn."""

Table = Mapping[Pair, float]
"""The error of one arm at one size, by pair."""

Curve = Mapping[int, Table]
"""Learning curve of one arm: size → table."""


def geometric_mean(values: list[float]) -> float:
    """Return the geometric mean of positive values."""
    return float(np.exp(np.mean(np.log(values))))


def in_order(pairs: Iterable[Pair]) -> list[Pair]:
    """Return the pairs sorted, those without a subset first."""
    return sorted(pairs, key=lambda pair: (-1 if pair[0] is None else pair[0], pair[1]))


def model_of(table: Table, pair: Pair) -> Pair | None:
    """Return under which pair ``table`` holds the model that stands for ``pair``.

    That is the pair itself or, in an arm that draws no subset, the model of its init seed; None
    if there is neither.
    """
    candidates: tuple[Pair, Pair] = (pair, (None, pair[1]))
    return next((candidate for candidate in candidates if candidate in table), None)


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


def matched(arm: Table, baseline: Table) -> dict[Pair, list[tuple[float, float]]]:
    """Return the log errors (arm, baseline) that are compared, by independent unit, in order.

    A unit is a pair that both arms have. Where one of them draws no subset (zero-shot), its
    model is compared with those of the same init seed on every subset, and all of these are one
    unit, (None, init seed), because they share a model.

    Raises
    ------
    ValueError
        If an error that is compared is not positive: it has no logarithm.
    """
    found: dict[Pair, list[tuple[float, float]]] = defaultdict(list)
    for pair in in_order({*arm, *baseline}):
        ours, theirs = model_of(arm, pair), model_of(baseline, pair)
        if ours is None or theirs is None:
            continue
        shared = ours[0] is None or theirs[0] is None
        unit = (None, pair[1]) if shared else pair
        found[unit].append((positive_log(arm[ours]), positive_log(baseline[theirs])))
    return {unit: found[unit] for unit in in_order(found)}


def log_ratios(arm: Table, baseline: Table) -> dict[Pair, float]:
    """Return log(arm/baseline) of every independent unit, in order.

    The units are those of `matched`; a unit of several ratios has their mean, so every unit
    counts the same however many subsets it spans.
    """
    return {
        unit: math.fsum(ours - theirs for ours, theirs in logs) / len(logs)
        for unit, logs in matched(arm, baseline).items()
    }
