"""Paired comparison of arms.

The unit of replication is a (subset seed, init seed) pair, never a frame: frames of one model
share its weights and are not independent.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

Pair = tuple[int | None, int]
"""(subset seed, init seed); the subset seed is None where no subset is drawn."""


@dataclass(frozen=True)
class Ratio:
    """Geometric mean of error(arm)/error(baseline) over ``n_pairs`` pairs; < 1 favours the arm."""

    value: float
    n_pairs: int


def geometric_mean(values: list[float]) -> float:
    """Return the geometric mean of positive values."""
    return float(np.exp(np.mean(np.log(values))))


def paired_ratio(arm: Mapping[Pair, float], baseline: Mapping[Pair, float]) -> Ratio | None:
    """Compare two arms over the pairs that both have; None if they share none.

    An arm that draws no subset (zero-shot) is compared with the baseline of the same init seed
    for every subset; its number of pairs is the number of independent models it has.
    """
    logs, models = [], set()
    for pair, value in baseline.items():
        partner = pair if pair in arm else (None, pair[1])
        if partner in arm:
            logs.append(np.log(arm[partner] / value))
            models.add(partner)
    if not logs:
        return None
    return Ratio(float(np.exp(np.mean(logs))), len(models))
