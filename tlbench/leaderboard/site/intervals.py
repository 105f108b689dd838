"""Intervals of many ratios at once."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from tlbench.metrics.statistics import MIN_PAIRS, Interval, Ratio
from tlbench.metrics.statistics.bootstrap import mean_interval

AT_ONCE = 100
"""Samples that are resampled together, for the sake of memory."""

Sample = tuple[int, Sequence[float]]
"""Seed of the bootstrap, and logarithms, one of each independent pair."""


def ratios_of(samples: Sequence[Sample]) -> list[Ratio]:
    """Return what `tlbench.metrics.statistics.ratio.ratio_of` returns of each sample, in order."""
    alike: dict[tuple[int, int], list[int]] = defaultdict(list)
    for position, (seed, logs) in enumerate(samples):
        alike[seed, len(logs)].append(position)
    found: dict[int, Ratio] = {}
    for (seed, count), positions in alike.items():
        for start in range(0, len(positions), AT_ONCE):
            some = positions[start : start + AT_ONCE]
            values = np.array([samples[position][1] for position in some], dtype=np.float64)
            means = np.exp(values.mean(axis=1)).tolist()
            spread: list[Interval | None] = [None] * len(some)
            if count >= MIN_PAIRS:
                low, high = np.exp(mean_interval(values, seed))
                spread = [Interval(*ends) for ends in zip(low.tolist(), high.tolist(), strict=True)]
            for position, mean, interval in zip(some, means, spread, strict=True):
                found[position] = Ratio(mean, count, interval)
    return [found[position] for position in range(len(samples))]
