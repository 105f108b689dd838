"""Every arm with its mean error and its ratio to training from scratch.

Tables, figures and sentences of reports, and the tables of the board, are selections of these rows,
so that they give the same numbers and intervals.

Where the errors on every test structure are known, the interval of a ratio allows for the choice
of test structures as well as for that of pairs, see
`tlbench.metrics.statistics.random_effects`. That is asked of errors over the whole test set;
numbers on some kind of structures are about these structures, with intervals over pairs alone.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from tlbench.metrics import METRICS, has_logarithm
from tlbench.metrics.conditions import DATA, WEIGHTS, ConditionKey, key_of
from tlbench.metrics.spec import ENERGY_UNIT, Floats
from tlbench.metrics.statistics import (
    FIXED,
    MIN_PAIRS,
    Interval,
    Pair,
    Ratio,
    Table,
    crossed_ratio,
    paired_ratio,
)
from tlbench.metrics.statistics.interval import mean_interval
from tlbench.metrics.statistics.ratio import ratio_of
from tlbench.report.wording import BASELINE
from tlbench.results.records import Record
from tlbench.results.shares import Shares
from tlbench.study.model_key import Place, Transfer
from tlbench.study.plan import PRETRAIN

OF_WHOLE = frozenset((WEIGHTS, DATA))
"""What conditions of errors over a whole test set may name: the weights, and a further set."""


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
    shares
        What each group of test structures adds to the value of each pair; empty where that is
        unknown of a pair.
    n_exact
        Number of errors that are exactly 0. They have no logarithm, and neither values nor mean
        have them; without these models others would look better, so that there is no ratio.
    """

    metric: str
    tested: ConditionKey
    transfer: Transfer
    place: Place
    trained: bool
    values: Table
    mean: Ratio
    ratio: Ratio | None = field(default=None, kw_only=True)
    shares: Mapping[Pair, Floats] = field(default_factory=dict, kw_only=True, repr=False)
    n_exact: int = field(default=0, kw_only=True)

    @property
    def is_comparable(self) -> bool:
        """Whether the error can be compared with those of other arms.

        Energies of an arm without target data are not: no reference energies were fitted for it, so
        that they contain the offset between the source's level of theory and the target's.
        """
        return self.trained or METRICS.get(self.metric).unit != ENERGY_UNIT

    @property
    def arm(self) -> Place:
        """The arm itself, wherever it is compared."""
        return self.place if self.trained else Place(self.place.backbone, self.place.strategy, 0)


def ratio_between(row: Row, other: Row) -> Ratio | None:
    """Return the ratio of the errors of two arms; None if they share no pair or one is exactly 0.

    Its interval allows for the choice of test structures where the shares of both are known. Then
    it has more degrees of freedom than that over pairs, so that with few pairs it may be the
    narrower one though it allows for more; the wider of the two is given, so that no claim becomes
    stronger by what it allows for.
    """
    paired = None if row.n_exact or other.n_exact else paired_ratio(row.values, other.values)
    if paired is None or paired.interval is None or not (row.shares and other.shares):
        return paired
    crossed = crossed_ratio(row.shares, other.shares)
    if crossed is None or crossed.interval is None:
        return paired
    # Both have one centre.
    wider = crossed if crossed.interval.low < paired.interval.low else paired
    # Shares have fewer digits than the values.
    return replace(crossed, value=paired.value, interval=wider.interval, p=wider.p)


def rows_of(records: Sequence[Record], shares: Shares | None = None) -> list[Row]:
    """Return all rows of target models: by metric, condition, transfer, training set and arm.

    Parameters
    ----------
    shares
        What test structures add to the errors of the records; where some are lacking, intervals
        are over pairs alone.
    """
    groups: dict[tuple[str, ConditionKey, Transfer], dict[Place, dict[Pair, Record]]] = {}
    exact: Counter[tuple[str, ConditionKey, Transfer, Place]] = Counter()
    for r in records:
        if r.model.strategy == PRETRAIN:
            continue
        if has_logarithm(r.metric) and r.value == 0:
            exact[r.metric, key_of(r.condition), r.model.transfer, r.model.place] += 1
        else:
            arms = groups.setdefault((r.metric, key_of(r.condition), r.model.transfer), {})
            arms.setdefault(r.model.place, {})[r.model.pair] = r
    groups = {
        key: {arm: _of_one_model(measured) for arm, measured in arms.items()}
        for key, arms in groups.items()
    }
    rows = []
    for (metric, tested, transfer), arms in groups.items():
        for arm, measured in arms.items():
            values = {pair: r.value for pair, r in measured.items()}
            mean = _mean(values, metric)
            parts = _shares(measured, shares or {}) if dict(tested).keys() <= OF_WHOLE else {}
            trained, n_exact = arm.size > 0, exact[metric, tested, transfer, arm]
            rows += [
                Row(
                    metric,
                    tested,
                    transfer,
                    place,
                    trained,
                    values,
                    mean,
                    shares=parts,
                    n_exact=n_exact,
                )
                for place in _compared_at(arm, arms)
            ]
    rows = _with_ratios(rows)
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
    """Return the rows of the last weights at the largest budget, and those that have none.

    The latter are of arms without training that no trained one of their backbone is beside.
    """
    last = [row for row in rows if ("weights", "best") not in row.tested]
    largest = max((row.place.updates or 0 for row in last), default=0)
    return [row for row in last if row.place.updates in (None, largest)]


def condition_order(tested: ConditionKey) -> tuple[object, ...]:
    """Return what sorts test structures: all of them first, temperatures by their number."""
    names = tuple(name for name, _ in tested)
    return len(names), names, tuple((isinstance(v, str), v) for _, v in tested)


def _of_one_model(measured: dict[Pair, Record]) -> dict[Pair, Record]:
    """Return the numbers of an arm, those of a published potential as it is once.

    Earlier versions measured it once for each init seed, and found the same to the last digit.
    """
    first, *others = measured.values()
    is_error = METRICS.get(first.metric).of == "errors"
    same = all(r.value == first.value for r in others)
    is_fixed = others and same and is_error and not first.model.size
    return {FIXED: first} if is_fixed else measured


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


def _shares(measured: Mapping[Pair, Record], shares: Shares) -> dict[Pair, Floats]:
    """Return the shares of every pair; empty if those of one are lacking."""
    keys = {pair: (r.job, r.metric) for pair, r in measured.items()}
    return (
        {pair: shares[key] for pair, key in keys.items()}
        if shares.keys() >= set(keys.values())
        else {}
    )


def _with_ratios(rows: list[Row]) -> list[Row]:
    """Return the rows, those of errors with their ratio to training from scratch."""
    scratch = {
        (row.metric, row.tested, row.transfer, row.place): row
        for row in rows
        if row.place.strategy == BASELINE
    }
    found = []
    for row in rows:
        other = scratch.get((row.metric, row.tested, row.transfer, row.place.scratch))
        is_compared = other is not row and row.is_comparable and has_logarithm(row.metric)
        if other is not None and is_compared:
            row = replace(row, ratio=ratio_between(row, other))
        found.append(row)
    return found
