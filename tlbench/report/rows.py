"""Every arm with its mean error and its ratio to training from scratch.

Tables, figures and sentences of reports, and the tables of the board, are selections of these rows,
so that they give the same numbers and intervals.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from tlbench.metrics.conditions import Condition, ConditionKey, key_of
from tlbench.metrics.statistics import (
    MIN_PAIRS,
    Curve,
    Interval,
    Pair,
    Ratio,
    Table,
    bootstrap_seed,
)
from tlbench.metrics.statistics.bootstrap import mean_interval
from tlbench.metrics.statistics.pairs import log_ratios
from tlbench.plan import PRETRAIN
from tlbench.records import Record
from tlbench.report.wording import BASELINE

MEANS = ("stability_rate", "survival_time")
"""Metrics that may be 0, and so have arithmetic means; all others have geometric ones."""

AT_ONCE = 100
"""Samples that are resampled together, for the sake of memory."""


class Transfer(NamedTuple):
    """A source, part of it if only some is pretrained on, and a target."""

    source: str
    part: str | None
    target: str

    def label(self) -> str:
        """Return the transfer in short."""
        part = "" if self.part is None else f" ({self.part})"
        return f"{self.source}{part} → {self.target}"


@dataclass(frozen=True)
class Place:
    """The models of one arm: they differ in nothing but their seeds.

    ``size`` is 0 for an arm that sees no target data; ``train_temperature_k`` is None where
    training structures of all temperatures are used.
    """

    backbone: str
    strategy: str
    size: int
    train_temperature_k: float | None = None

    @property
    def position(self) -> tuple[str, int, float]:
        """Sort key of the places of one strategy."""
        return self.backbone, self.size, self.train_temperature_k or 0

    @property
    def scratch(self) -> "Place":
        """The arm that it is compared with."""
        return replace(self, strategy=BASELINE)

    def training_set(self) -> str:
        """Return number and temperature of the training structures in words."""
        at = self.train_temperature_k
        return f"N = {self.size}" + ("" if at is None else f" at {at:g} K")

    def label(self) -> str:
        """Return the arm in words."""
        at = self.train_temperature_k
        trained = "" if at is None else f", trained at {at:g} K"
        return f"{self.backbone}, {self.strategy}, N = {self.size}{trained}"


Errors = dict[Place, dict[Pair, float]]
"""Arm → the value of each pair."""


def place_of(model: Any) -> Place:
    """Return the arm of what has the coordinates of a model."""
    return Place(model.backbone, model.strategy, model.size, model.train_temperature_k)


def transfer_of(model: Any) -> Transfer:
    """Return the transfer of what has the coordinates of a model."""
    return Transfer(model.source, model.source_part, model.target)


def by_transfer(records: Iterable[Record]) -> dict[Transfer, list[Record]]:
    """Return the records of target models, transfer by transfer, in their order."""
    found: dict[Transfer, list[Record]] = {}
    for r in records:
        if r.strategy != PRETRAIN:
            found.setdefault(transfer_of(r), []).append(r)
    return found


def strategies_of(records: Iterable[Record]) -> list[str]:
    """Return the arms that were measured on the target, the baseline first."""
    names = dict.fromkeys(r.strategy for r in records if r.strategy != PRETRAIN)
    return sorted(names, key=lambda name: name != BASELINE)


def target_errors(
    records: Iterable[Record], metric: str, condition: Condition | None = None
) -> Errors:
    """Return the values of ``metric`` on the target under one condition, by model."""
    found: Errors = defaultdict(dict)
    for r in records:
        # An error of exactly zero has no logarithm.
        wanted = r.metric == metric and r.condition == (condition or {}) and r.value > 0
        if wanted and r.strategy != PRETRAIN:
            found[place_of(r)][r.subset_seed, r.init_seed] = r.value
    return dict(found)


def seed_of(records: Iterable[Record], metric: str) -> int:
    """Return the bootstrap's seed: a function of the records alone, whatever their order."""
    return bootstrap_seed({f"{r.job}/{r.metric}" for r in records if r.metric == metric})


def curve_of(errors: Errors, backbone: str, strategy: str) -> Curve:
    """Return the learning curve of one arm, over structures of all temperatures."""
    return {
        place.size: pairs
        for place, pairs in sorted(errors.items(), key=lambda item: item[0].size)
        if (place.backbone, place.strategy) == (backbone, strategy)
        and place.train_temperature_k is None
    }


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
    groups: dict[tuple[str, ConditionKey, Transfer], Errors] = {}
    for r in records:
        # An error of exactly zero has no logarithm.
        if r.strategy != PRETRAIN and (r.value > 0 or r.metric in MEANS):
            arms = groups.setdefault((r.metric, key_of(r.condition), transfer_of(r)), {})
            arms.setdefault(place_of(r), {})[r.subset_seed, r.init_seed] = r.value
    seeds = seeds_of(records)
    drafts, samples = [], []
    for (metric, tested, transfer), arms in groups.items():
        seed = seeds[metric, transfer]
        for arm, values in arms.items():
            logs = [math.log(value) for value in values.values()] if metric not in MEANS else []
            for place in _compared_at(arm, arms):
                row = Row(
                    metric, tested, transfer, place, arm.size > 0, values, _arithmetic(values), None
                )
                ratios = _log_ratios(row, arms)
                drafts.append((row, bool(logs), bool(ratios)))
                samples += [(seed, some) for some in (logs, ratios) if some]
    found = iter(ratios_of(samples))
    rows = []
    for row, geometric, compared in drafts:
        mean = next(found) if geometric else row.mean
        rows.append(replace(row, mean=mean, ratio=next(found) if compared else None))
    metrics = list(dict.fromkeys(r.metric for r in records))
    transfers = list(by_transfer(records))
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


def seeds_of(records: Iterable[Record]) -> dict[tuple[str, Transfer], int]:
    """Return (metric, transfer) → seed of the bootstrap, a function of the records alone.

    Where there is one transfer, it is that of all records of the metric.
    """
    jobs: dict[tuple[str, Transfer | None], set[str]] = defaultdict(set)
    for r in records:
        of = None if r.strategy == PRETRAIN else transfer_of(r)
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
        replace(other, strategy=arm.strategy)
        for other in arms
        if other.size and other.backbone == arm.backbone
    }
    return sorted(trained, key=lambda place: place.position) or [arm]


def _arithmetic(values: Table) -> Ratio:
    return Ratio(math.fsum(values.values()) / len(values), len(values))


def _log_ratios(row: Row, arms: Mapping[Place, Table]) -> list[float]:
    if row.metric in MEANS or row.place.strategy == BASELINE:
        return []
    return list(log_ratios(row.values, arms.get(row.place.scratch, {})).values())


def ratios_of(samples: Sequence[tuple[int, Sequence[float]]]) -> list[Ratio]:
    """Return what `tlbench.metrics.statistics.ratio.ratio_of` returns of each sample, in order.

    Parameters
    ----------
    samples
        Seed of the bootstrap, and logarithms, one of each independent pair.
    """
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
