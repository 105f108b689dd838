"""Two runs side by side, pair by pair."""

from collections.abc import Mapping
from dataclasses import dataclass

from tlbench.metrics import METRICS
from tlbench.metrics.spec import MetricSpec
from tlbench.metrics.statistics import (
    Pair,
    bootstrap_seed,
    geometric_mean,
    paired_difference,
    paired_ratio,
)
from tlbench.regression.pairing import Pairing
from tlbench.regression.places import Place


@dataclass(frozen=True)
class Row:
    """One place of two runs.

    Attributes
    ----------
    first, second
        Mean over the pairs that both have: geometric where values are compared by ratio.
    change
        Second over first, or second minus first, as the metric is compared.
    interval
        Its 95 % interval; None below five pairs, and for differences that do not scatter.
    n_pairs
        How many pairs it is taken over.
    side
        -1 if the interval lies wholly where the value shrank, 1 if where it grew, else 0.
    n_values
        How many values of each run it is taken over; those without a ratio are left out.
    """

    place: Place
    spec: MetricSpec
    first: float
    second: float
    change: float
    interval: tuple[float, float] | None
    n_pairs: int
    side: int
    n_values: int

    @property
    def verdict(self) -> str:
        """Which run is better with 95 % confidence, this comparison by itself; else empty."""
        if not self.side:
            return ""
        lower_is_better = self.spec.better == "lower"
        return "better" if (self.side < 0) == lower_is_better else "worse"


def compare(pairing: Pairing) -> list[Row]:
    """Return how the second of two runs differs from the first, place by place.

    A place whose values are all without a ratio has no row.

    Raises
    ------
    UnknownNameError
        If a metric is not known.
    """
    seed = bootstrap_seed(map(repr, pairing.shared))
    found = (_row(place, values, seed) for place, values in pairing.shared.items())
    return [row for row in found if row]


def _row(place: Place, values: Mapping[Pair, tuple[float, float]], seed: int) -> Row | None:
    spec = METRICS.get(place.metric)
    if spec.compared == "difference":
        first, second = _tables(values)
        difference = paired_difference(second, first, seed)
        if difference is None:
            return None
        means = [sum(table.values()) / len(table) for table in (first, second)]
        change, interval, side = difference.value, difference.interval, difference.side()
        n_pairs = difference.n_pairs
    else:
        values = {pair: both for pair, both in values.items() if min(both) > 0}
        first, second = _tables(values)
        ratio = paired_ratio(second, first, seed)
        if ratio is None:
            return None
        means = [geometric_mean(list(table.values())) for table in (first, second)]
        ends, change, n_pairs = ratio.interval, ratio.value, ratio.n_pairs
        interval, side = ((ends.low, ends.high), ends.side()) if ends else (None, 0)
    return Row(
        place=place,
        spec=spec,
        first=means[0],
        second=means[1],
        change=change,
        interval=interval,
        n_pairs=n_pairs,
        side=side,
        n_values=len(values),
    )


def _tables(values: Mapping[Pair, tuple[float, float]]) -> list[dict[Pair, float]]:
    """Return the values of either run, by pair."""
    return [{pair: both[side] for pair, both in values.items()} for side in (0, 1)]
