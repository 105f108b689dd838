"""What models cost, beside their errors."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tlbench.costs import Cost
from tlbench.metrics.statistics import Pair, geometric_mean
from tlbench.plan import PRETRAIN, Place
from tlbench.records import Record
from tlbench.report.summary import Errors, strategies_of, target_errors
from tlbench.report.transfers import by_transfer, has_several

PlacedCosts = dict[Place, dict[Pair, Cost]]
"""Place → the cost of each pair's model."""

COSTS_NOTE = (
    "Medians over models. Times are CPU seconds of one thread on a processor, seconds on an "
    "accelerator; pretraining is that of one source model, which all sizes share. A force call is "
    "of 64 atoms."
)


@dataclass(frozen=True)
class Point:
    """An arm at one size: its mean error and its cost."""

    place: Place
    cost: float
    error: float


@dataclass(frozen=True)
class Axis:
    """A cost that errors are drawn against."""

    title: str
    name: str
    of: Callable[[Cost], float | None]


def training_seconds(cost: Cost) -> float:
    """Return the time of pretraining and training."""
    if "cuda" in cost.device.lower() or "nvidia" in cost.device.lower():
        return cost.wall_seconds + (cost.pretraining_wall_seconds or 0.0)
    return cost.cpu_seconds + (cost.pretraining_cpu_seconds or 0.0)


AXES = (
    Axis("Error against training cost", "pretraining and training (s)", training_seconds),
    Axis(
        "Error against inference cost",
        "force call of 64 atoms (ms)",
        lambda cost: None if cost.force_call_seconds is None else 1e3 * cost.force_call_seconds,
    ),
)
FRONT_NOTE = (
    "Geometric means over pairs, on {device}. The line joins the models to which no other is "
    "better in both error at this budget and cost. An arm without target data is in every panel."
)


def costs_by_device(records: Iterable[Record], costs: Iterable[Cost]) -> dict[str, PlacedCosts]:
    """Return the costs of all target models, device by device."""
    found: dict[str, PlacedCosts] = defaultdict(lambda: defaultdict(dict))
    of_model = {cost.trained: cost for cost in costs}
    for r in records:
        cost = of_model.get(r.trained or "")
        if cost is not None and r.model.strategy != PRETRAIN and not r.condition:
            found[cost.device][r.model.place][r.model.pair] = cost
    return {device: dict(costs) for device, costs in sorted(found.items())}


def costs_table(costs: PlacedCosts, strategies: list[str]) -> list[list[str]]:
    """Return a line per backbone, arm, size and, where there are any, training temperature."""
    has_temperatures = any(place.train_temperature_k is not None for place in costs)
    lines = [
        [
            "backbone", "arm", "N", *(["trained at (K)"] if has_temperatures else []),
            "parameters", "force call (ms)", "updates", "updates / s", "training (s)",
            "pretraining (s)", "memory (MiB)",
        ]
    ]  # fmt: skip

    def position(place: Place) -> tuple[str, int, float, int]:
        at = place.train_temperature_k or 0
        return place.backbone, place.size, at, strategies.index(place.strategy)

    for place in sorted(costs, key=position):
        models = list(costs[place].values())
        own = [training_seconds(_without_pretraining(m)) for m in models]
        source = [training_seconds(m) - o for m, o in zip(models, own, strict=True)]
        calls = [1e3 * m.force_call_seconds for m in models if m.force_call_seconds is not None]
        lines.append(
            [
                place.backbone,
                place.strategy,
                str(place.size),
                *([_temperature(place)] if has_temperatures else []),
                f"{models[0].n_parameters:,}",
                _median(calls),
                f"{models[0].updates:,}",
                _median([m.updates_per_second for m in models]),
                _median(own),
                _median(source) if any(source) else "–",
                _median([m.peak_memory_mib for m in models]),
            ]
        )
    return lines


def cost_tables(
    records: list[Record], costs: Iterable[Cost]
) -> Iterator[tuple[str, list[list[str]]]]:
    """Yield device and table; of several transfers, those of the first, which it is named after."""
    transfers = by_transfer(records)
    if not transfers:
        return
    transfer, some = next(iter(transfers.items()))
    of_which = f" ({transfer.label()})" if len(transfers) > 1 else ""
    for device, found in costs_by_device(some, costs).items():
        lines = costs_table(found, strategies_of(some))
        if len(lines) > 1:
            yield f"{device}{of_which}", lines


def fronts(
    records: list[Record], costs: Iterable[Cost], metric: str
) -> Iterator[tuple[str, str, str, dict[int, list[Point]]]]:
    """Yield title, name of the axis, device, and the points of every size.

    There are none where there are several transfers: their errors are of different elements.
    """
    if has_several(records):
        return
    errors = target_errors(records, metric)
    for device, placed in costs_by_device(records, costs).items():
        for axis in AXES:
            points = _points(errors, placed, axis)
            if points:
                yield axis.title, axis.name, device, points


def pareto(points: list[Point]) -> list[Point]:
    """Return the points that no other beats in both cost and error, the cheapest first."""
    front: list[Point] = []
    for point in sorted(points, key=lambda p: (p.cost, p.error)):
        if not front or point.error < front[-1].error:
            front.append(point)
    return front


def _points(errors: Errors, costs: PlacedCosts, axis: Axis) -> dict[int, list[Point]]:
    found: dict[int, list[Point]] = {}
    everywhere = [p for p in errors if p.train_temperature_k is None]
    sizes = sorted({p.size for p in everywhere if p.size}) or [0]
    for size in sizes:
        for place in everywhere:
            if place.size not in (size, 0):
                continue
            values = errors[place]
            paid = [axis.of(cost) for pair, cost in costs.get(place, {}).items() if pair in values]
            known = [seconds for seconds in paid if seconds]
            if known and len(known) == len(values):
                mean = geometric_mean(list(values.values()))
                found.setdefault(size, []).append(Point(place, geometric_mean(known), mean))
    return found


def _temperature(place: Place) -> str:
    if place.train_temperature_k is None:
        return "all" if place.size else "–"
    return f"{place.train_temperature_k:g}"


def _without_pretraining(cost: Cost) -> Cost:
    nothing = {"pretraining_wall_seconds": None, "pretraining_cpu_seconds": None}
    return cost.model_copy(update=nothing)


def _median(values: list[Any]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "–"
    value = float(np.median(known))
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
