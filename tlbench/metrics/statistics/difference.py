"""The difference of two arms' rates."""

import math
from dataclasses import dataclass

from tlbench.metrics.statistics.pairs import Table
from tlbench.metrics.statistics.rate import Rate
from tlbench.metrics.statistics.ratio import paired_ratio


@dataclass(frozen=True)
class Difference:
    """Mean of value(arm) - value(baseline) over pairs.

    Attributes
    ----------
    value
        The mean.
    n_pairs
        How many independent pairs it is taken over.
    interval
        Its 95 % interval; None below `MIN_PAIRS` pairs, and where all pairs differ by the same,
        as where both arms are stable throughout: their scatter then says nothing.
    """

    value: float
    n_pairs: int
    interval: tuple[float, float] | None = None

    def side(self) -> int:
        """Return -1 if the interval lies wholly below 0, 1 if above, 0 if not or without one."""
        if self.interval is None:
            return 0
        low, high = self.interval
        return int(low > 0) - int(high < 0)


def unpaired_interval(arm: Rate, baseline: Rate) -> tuple[float, float]:
    """Return the 95 % interval of the difference of two rates, from those of each.

    It is Newcombe's (*Statistics in Medicine* 17, 873, 1998, method 10), which takes the rates to
    be independent: if models with the same seeds fare alike it is wider than it need be. It
    serves where pairs all differ by the same.
    """
    difference = arm.value - baseline.value
    below = math.hypot(arm.value - arm.low, baseline.high - baseline.value)
    above = math.hypot(arm.high - arm.value, baseline.value - baseline.low)
    return max(-1.0, difference - below), min(1.0, difference + above)


def paired_difference(arm: Table, baseline: Table, seed: int = 0) -> Difference | None:
    """Compare rates of two arms over the pairs that both have; None if they share none.

    Pairs and interval are those of `paired_ratio`: a difference is the logarithm of the ratio
    of exponentials. The interval is cut at ±1, beyond which no difference of rates lies.

    Parameters
    ----------
    arm, baseline
        Rates by pair.
    seed
        Seed of the bootstrap; see `bootstrap_seed`.
    """
    ratio = paired_ratio(_exponentials(arm), _exponentials(baseline), seed)
    if ratio is None:
        return None
    interval = None
    if ratio.interval is not None and ratio.interval.low < ratio.interval.high:
        interval = max(-1.0, _log(ratio.interval.low)), min(1.0, _log(ratio.interval.high))
    return Difference(_log(ratio.value), ratio.n_pairs, interval)


def _exponentials(table: Table) -> Table:
    return {pair: math.exp(value) for pair, value in table.items()}


def _log(value: float) -> float:
    # Equal rates should differ by 0, which is neither above nor below nor -0.
    return round(math.log(value), 12) + 0.0
