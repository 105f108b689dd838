"""Every arm with its mean error and its ratio to training from scratch.

Tables, figures and sentences of reports, and the tables of the board, are selections of these rows,
so that they give the same numbers and intervals.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tlbench.metrics import has_logarithm
from tlbench.metrics.conditions import ConditionKey, key_of
from tlbench.metrics.statistics import (
    MIN_PAIRS,
    Interval,
    Pair,
    Ratio,
    Table,
    bootstrap_seed,
)
from tlbench.metrics.statistics.bootstrap import mean_interval
from tlbench.metrics.statistics.ratio import log_ratios
from tlbench.report.wording import BASELINE
from tlbench.results.records import Record
from tlbench.study.model_key import Place, Transfer
from tlbench.study.plan import PRETRAIN

AT_ONCE = 100
"""Samples that are resampled together, for the sake of memory."""


def transfers_of(records: Iterable[Record]) -> list[Transfer]:
    """Return what is transferred between, in the order of the records."""
    return list(dict.fromkeys(r.model.transfer for r in records if r.model.strategy != PRETRAIN))


def strategies_of(records: Iterable[Record]) -> list[str]:
    """Return the arms that were measured on the target, the baseline first."""
    names = dict.fromkeys(r.model.strategy for r in records if r.model.strategy != PRETRAIN)
    return sorted(names, key=lambda name: name != BASELINE)


def seed_of(records: Iterable[Record], metric: str) -> int:
    """Return the bootstrap's seed: a function of the records alone, whatever their order."""
    return bootstrap_seed({f"{r.job}/{r.metric}" for r in records if r.metric == metric})


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
        To training from scratch; None for that itself, for rates and times, and without a common
        pair.
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
    seeds = seeds_of(records)
    drafts, samples = [], []
    for (metric, tested, transfer), arms in groups.items():
        seed = seeds[metric, transfer]
        for arm, values in arms.items():
            logs = [math.log(value) for value in values.values()] if has_logarithm(metric) else []
            mean = Ratio(math.fsum(values.values()) / len(values), len(values))
            for place in _compared_at(arm, arms):
                row = Row(metric, tested, transfer, place, arm.size > 0, values, mean, None)
                drafts.append(row)
                samples += [(seed, logs), (seed, _log_ratios(row, arms))]
    found = ratios_of(samples)
    rows = [
        replace(row, mean=mean or row.mean, ratio=ratio)
        for row, mean, ratio in zip(drafts, found[::2], found[1::2], strict=True)
    ]
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


def final(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of the last weights at the largest budget of each place."""
    last = [row for row in rows if ("weights", "best") not in row.tested]
    largest = max((row.place.updates or 0 for row in last), default=0)
    return [row for row in last if (row.place.updates or 0) == largest]


def seeds_of(records: Iterable[Record]) -> dict[tuple[str, Transfer], int]:
    """Return (metric, transfer) → seed of the bootstrap, a function of the records alone.

    Where there is one transfer, it is that of all records of the metric.
    """
    jobs: dict[tuple[str, Transfer | None], set[str]] = defaultdict(set)
    for r in records:
        of = None if r.model.strategy == PRETRAIN else r.model.transfer
        jobs[r.metric, of].add(f"{r.job}/{r.metric}")
    single = len({transfer for _, transfer in jobs if transfer}) == 1
    return {
        (metric, transfer): bootstrap_seed(
            found | (jobs.get((metric, None), set()) if single else set())
        )
        for (metric, transfer), found in jobs.items()
        if transfer is not None
    }


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


def _log_ratios(row: Row, arms: Mapping[Place, Table]) -> list[float]:
    if not has_logarithm(row.metric) or row.place.strategy == BASELINE:
        return []
    return list(log_ratios(row.values, arms.get(row.place.scratch, {})).values())


def ratios_of(samples: Sequence[tuple[int, Sequence[float]]]) -> list[Ratio | None]:
    """Return what `tlbench.metrics.statistics.ratio.ratio_of` returns of each sample, in order.

    Parameters
    ----------
    samples
        Seed of the bootstrap, and logarithms, one of each independent pair; None of an empty one.
    """
    alike: dict[tuple[int, int], list[int]] = defaultdict(list)
    for position, (seed, logs) in enumerate(samples):
        alike[seed, len(logs)].append(position)
    found: list[Ratio | None] = [None] * len(samples)
    for (seed, count), positions in alike.items():
        for start in range(0, len(positions) if count else 0, AT_ONCE):
            some = positions[start : start + AT_ONCE]
            values = np.array([samples[position][1] for position in some], dtype=np.float64)
            spread: list[Interval | None] = [None] * len(some)
            if count >= MIN_PAIRS:
                ends = np.exp(mean_interval(values, seed))
                spread = [Interval(*each) for each in zip(*ends.tolist(), strict=True)]
            means = np.exp(values.mean(axis=1)).tolist()
            for position, mean, interval in zip(some, means, spread, strict=True):
                found[position] = Ratio(mean, count, interval)
    return found
