"""The area between two learning curves."""

import numpy as np

from tlbench.metrics.spec import Floats
from tlbench.metrics.statistics.pairs import Curve, Table, log_ratios
from tlbench.metrics.statistics.ratio import Ratio, ratio_of


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
