"""The number of structures with which the baseline reaches an arm's error."""

import math
from dataclasses import dataclass

import numpy as np

from tlbench.metrics.spec import Floats
from tlbench.metrics.statistics.bootstrap import MIN_PAIRS, TAIL, resamples, stretch
from tlbench.metrics.statistics.censoring import Bound, BoundInterval, Censoring
from tlbench.metrics.statistics.crossing import best_so_far, crossing
from tlbench.metrics.statistics.pairs import Curve, Table, in_order, matched


@dataclass(frozen=True)
class EquivalentSize:
    """The smallest size at which the baseline reaches a given error.

    Attributes
    ----------
    value
        The size, or the end of the measured range beyond which it lies.
    censored
        ">" if no measured size suffices, "<" if the smallest is already better.
    n_pairs
        Independent pairs it is taken over.
    interval
        95 % interval; None below `MIN_PAIRS` pairs.
    """

    value: float
    censored: Censoring
    n_pairs: int
    interval: BoundInterval | None

    def text(self) -> str:
        """Return the size as ``about 23`` or ``> 40``."""
        size = f"{self.value:.0f}"
        return f"{self.censored} {size}" if self.censored else f"about {size}"


def equivalent_size(arm: Table, baseline: Curve, seed: int = 0) -> EquivalentSize | None:
    """Return how many structures the baseline needs to reach the error of ``arm``.

    The baseline's mean log errors over its sizes, each the lowest so far (see `best_so_far`), are
    joined by straight lines over log N. Outside the measured range the answer is censored, never
    extrapolated.

    The interval resamples pairs, each with its errors at all sizes and in both arms: subsets of
    one seed are nested, so their errors vary together. The resampled mean log errors are
    stretched as those of a ratio are (see `bootstrap`), and curve and crossing are worked out anew
    from them; the interval lies between percentiles of the outcomes, because those beyond the
    measured range have a rank but no value. Resamples without any pair at some size are dropped.
    On simulated power laws with log-normal noise it covers the truth in 94-96 % of samples of 5,
    8, 10 or 20 pairs, where plain percentiles cover 81-84 % with 5.

    Parameters
    ----------
    arm
        Pair → positive error, at one size or without target data.
    baseline
        Size → pair → positive error. Only models that match one of the arm's (see `matched`)
        count, and only sizes above 0, which have a logarithm.
    seed
        Seed of the bootstrap; see `bootstrap_seed`.

    Returns
    -------
    EquivalentSize or None
        None if arm and baseline share no pair.
    """
    by_size = {size: matched(arm, table) for size, table in sorted(baseline.items())}
    sizes = [size for size, found in by_size.items() if found and size > 0]
    units = in_order({unit for size in sizes for unit in by_size[size]})
    if not units:
        return None
    logs = np.full((len(units), len(sizes), 2), np.nan)
    for column, size in enumerate(sizes):
        for row, unit in enumerate(units):
            if unit in by_size[size]:
                logs[row, column] = np.mean(by_size[size][unit], axis=0)
    means = _means(np.ones((1, len(units))), logs)
    (log_size,) = _crossings(means, sizes)
    found = _bound(log_size, sizes)
    interval = None
    if len(units) >= MIN_PAIRS:
        resampled = _means(resamples(len(units), seed), logs)
        stretched = means + stretch(len(units)) * (resampled - means)
        outcomes = np.sort(_crossings(stretched, sizes))
        # Outcomes beyond the measured range are infinite: ranks only, no interpolation.
        last = len(outcomes) - 1
        rank = math.floor(TAIL * last)
        interval = BoundInterval(
            _bound(outcomes[rank], sizes), _bound(outcomes[last - rank], sizes)
        )
    return EquivalentSize(found.value, found.censored, len(units), interval)


def _means(counts: Floats, logs: Floats) -> Floats:
    """Return the means of resampled units.

    Parameters
    ----------
    counts
        (resamples, units), how often each unit is drawn.
    logs
        (units, sizes, 2), log errors of arm and baseline; NaN where a unit lacks the size.

    Returns
    -------
    ndarray
        (resamples, 1 + sizes), the arm's mean, then the baseline's at each size, without the
        resamples that have no unit at some size.
    """
    arm = counts @ np.nanmean(logs[:, :, 0], axis=1) / counts.sum(axis=1)
    measured = np.isfinite(logs[:, :, 1])
    weights = counts @ measured
    whole = (weights > 0).all(axis=1)
    baseline = (counts @ np.where(measured, logs[:, :, 1], 0))[whole] / weights[whole]
    return np.column_stack([arm[whole], baseline])


def _crossings(means: Floats, sizes: list[int]) -> Floats:
    """Return the log size at which each baseline comes down to its arm, ±inf if censored."""
    return crossing(np.log(sizes), best_so_far(means[:, 1:]), means[:, 0])


def _bound(log_size: float, sizes: list[int]) -> Bound:
    if math.isinf(log_size):
        return Bound(sizes[-1], ">") if log_size > 0 else Bound(sizes[0], "<")
    return Bound(math.exp(log_size))
