"""Every arm with its mean error and its ratio to training from scratch.

Tables, figures and sentences of reports, and the tables of the board, are selections of these rows,
so that they give the same numbers and intervals.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from tlbench.metrics import METRICS, has_logarithm
from tlbench.metrics.conditions import ConditionKey, key_of
from tlbench.metrics.statistics import MIN_PAIRS, Interval, Pair, Ratio, Table, paired_ratio
from tlbench.metrics.statistics.interval import mean_interval
from tlbench.metrics.statistics.ratio import ratio_of
from tlbench.report.wording import BASELINE
from tlbench.results.records import Record
from tlbench.study.model_key import Place, Transfer
from tlbench.study.plan import PRETRAIN


def transfers_of(records: Iterable[Record]) -> list[Transfer]:
    """Return what is transferred between, in the order of the records."""
    return list(dict.fromkeys(r.model.transfer for r in records if r.model.strategy != PRETRAIN))


def strategies_of(records: Iterable[Record]) -> list[str]:
    """Return the arms that were measured on the target, the baseline first."""
    names = dict.fromkeys(r.model.strategy for r in records if r.model.strategy != PRETRAIN)
    return sorted(names, key=lambda name: name != BASELINE)


@dataclass(frozen=True)
class Row:
    """An arm where it is compared with training from scratch.

    Attributes
    ----------
    tested
        The condition of the test structures; empty for all of them.
    place
        An arm that sees no target data is compared at every training set of its backbone, so it
        has a row of each.
    trained
        Whether the arm sees target data.
    values
        The value of each pair.
    mean
        Over pairs.
    ratio
        To training from scratch; None for that itself, for what has no logarithm, as rates, times
        and signed errors, and without a common pair.
    """

    metric: str
    tested: ConditionKey
    transfer: Transfer
    place: Place
    trained: bool
    values: Table
    mean: Ratio
    ratio: Ratio | None

    @property
    def arm(self) -> Place:
        """The arm itself, wherever it is compared."""
        return self.place if self.trained else Place(self.place.backbone, self.place.strategy, 0)


def rows_of(records: Sequence[Record]) -> list[Row]:
    """Return all rows of target models: by metric, condition, transfer, training set and arm."""
    groups: dict[tuple[str, ConditionKey, Transfer], dict[Place, dict[Pair, float]]] = {}
    for r in records:
        # An error of exactly zero has no logarithm.
        if r.model.strategy != PRETRAIN and (r.value > 0 or not has_logarithm(r.metric)):
            arms = groups.setdefault((r.metric, key_of(r.condition), r.model.transfer), {})
            arms.setdefault(r.model.place, {})[r.model.pair] = r.value
    rows = []
    for (metric, tested, transfer), arms in groups.items():
        for arm, values in arms.items():
            mean = _mean(values, metric)
            for place in _compared_at(arm, arms):
                ratio = _ratio(values, metric, place, arms)
                made = Row(metric, tested, transfer, place, arm.size > 0, values, mean, ratio)
                rows.append(made)
    metrics = list(dict.fromkeys(r.metric for r in records))
    transfers = transfers_of(records)
    strategies = strategies_of(records)

    def position(row: Row) -> tuple[object, ...]:
        return (
            metrics.index(row.metric),
            condition_order(row.tested),
            transfers.index(row.transfer),
            row.place.position,
            strategies.index(row.place.strategy),
        )

    return sorted(rows, key=position)


AnyRow = TypeVar("AnyRow", bound=Row)


def final(rows: Sequence[AnyRow]) -> list[AnyRow]:
    """Return the rows of the last weights at the largest budget."""
    last = [row for row in rows if ("weights", "best") not in row.tested]
    largest = max((row.place.updates or 0 for row in last), default=0)
    return [row for row in last if (row.place.updates or 0) == largest]


def condition_order(tested: ConditionKey) -> tuple[object, ...]:
    """Return what sorts test structures: all of them first, temperatures by their number."""
    names = tuple(name for name, _ in tested)
    return len(names), names, tuple((isinstance(v, str), v) for _, v in tested)


def _compared_at(arm: Place, arms: Iterable[Place]) -> list[Place]:
    """Return the training sets that an arm is shown at."""
    if arm.size:
        return [arm]
    trained = {
        other.replace(strategy=arm.strategy)
        for other in arms
        if other.size and other.backbone == arm.backbone
    }
    return sorted(trained, key=lambda place: place.position) or [arm]


def _mean(values: Table, metric: str) -> Ratio:
    """Return the geometric mean with its interval, or the arithmetic mean.

    The latter has an interval where pairs are the unit of replication, as of signed errors; not for
    rates and times, whose replicas are clustered by model.
    """
    if has_logarithm(metric):
        return ratio_of(map(math.log, values.values()))
    mean = math.fsum(values.values()) / len(values)
    if METRICS.get(metric).interval != "pairs" or len(values) < MIN_PAIRS:
        return Ratio(mean, len(values))
    low, high = mean_interval(np.array([*values.values()]))
    return Ratio(mean, len(values), Interval(float(low), float(high)))


def _ratio(values: Table, metric: str, place: Place, arms: Mapping[Place, Table]) -> Ratio | None:
    if not has_logarithm(metric) or place.strategy == BASELINE:
        return None
    return paired_ratio(values, arms.get(place.scratch, {}))
