"""What models cost, beside their errors."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tlbench.metrics import METRICS
from tlbench.metrics.statistics import Pair, geometric_mean
from tlbench.report.analysis import Analysis, arm_cells
from tlbench.report.content import Draw, Figure, Lines, Paragraph, Section, Table, drawing, lines_of
from tlbench.report.rows import Row, transfers_of
from tlbench.results.costs import Cost
from tlbench.results.records import Record
from tlbench.study.model_key import Place, Transfer
from tlbench.study.plan import PRETRAIN

Costs = dict[Place, dict[Pair, Cost]]
"""Arm → the cost of each pair's model."""

COSTS_NOTE = (
    "Medians over models. Times are CPU seconds of one thread on a processor, seconds on an "
    "accelerator; pretraining is that of one source model, which all sizes share. A force call is "
    "of 64 atoms."
)
FRONT_NOTE = (
    "Geometric means over pairs, on the device that is named. The line joins the models to which "
    "no other is better in both error at this budget and cost. An arm without target data is in "
    "every panel."
)


@dataclass(frozen=True)
class Point:
    """An arm at one size: its mean error and its cost."""

    place: Place
    cost: float
    error: float


def training_seconds(cost: Cost) -> float:
    """Return the time of pretraining and training, s."""
    own, pretraining = seconds_of(cost)
    return own + pretraining


def seconds_of(cost: Cost) -> tuple[float, float]:
    """Return the times of training and of pretraining, s: of the clock on an accelerator."""
    if "cuda" in cost.device.lower() or "nvidia" in cost.device.lower():
        return cost.wall_seconds, cost.pretraining_wall_seconds or 0.0
    return cost.cpu_seconds, cost.pretraining_cpu_seconds or 0.0


def _force_call_ms(cost: Cost) -> float | None:
    return None if cost.force_call_seconds is None else 1e3 * cost.force_call_seconds


CostOf = Callable[[Cost], float | None]
AXES: tuple[tuple[str, str, CostOf], ...] = (
    ("Error against training cost", "pretraining and training (s)", training_seconds),
    ("Error against inference cost", "force call of 64 atoms (ms)", _force_call_ms),
)
"""Title of a figure, title of its axis, and the cost that errors are drawn against."""


def costs(analysis: Analysis) -> Iterator[Section]:
    """Yield tables of what models cost, device by device, and their errors against it."""
    records, known = analysis.results.records, analysis.results.costs
    metric = analysis.metrics[0]
    rows, unit = analysis.of_metric(metric), METRICS.get(metric).unit
    titles = f"{metric} ({unit})", unit, analysis.strategies
    figures = []
    for title, axis, cost_of in AXES:
        cases: dict[str, Draw] = {}
        for transfer in analysis.transfers:
            trained = analysis.cases(row for row in rows if row.transfer == transfer)
            for device, placed in costs_by_device(records, known, transfer).items():
                for case, some in trained.items():
                    points = _points(some, placed, cost_of)
                    if any(point.place.size for found in points.values() for point in found):
                        draw = drawing("figures:cost_fronts", points, axis, *titles)
                        cases[f"{case}, “{device}”"] = draw
        name = title.lower().replace(" ", "-")
        figures.append(Figure(name, title, FRONT_NOTE, cases))
    if tables := cost_tables(records, known):
        yield Section("costs", "Costs", [*tables, Paragraph(COSTS_NOTE), *figures])


def costs_by_device(
    records: Iterable[Record], costs: Iterable[Cost], transfer: Transfer | None = None
) -> dict[str, Costs]:
    """Return the costs of the target models of a transfer, or of all, device by device.

    Of several budgets they are those of the largest.
    """
    found: dict[str, Costs] = defaultdict(lambda: defaultdict(dict))
    of_model = {cost.trained: cost for cost in costs}
    for r in records:
        cost = of_model.get(r.trained or "")
        model = r.model
        wanted = model.strategy != PRETRAIN and not r.condition
        wanted = wanted and transfer in (None, model.transfer)
        if cost is not None and wanted:
            found[cost.device][model.place][model.pair] = cost
    largest = max((place.updates or 0 for some in found.values() for place in some), default=0)
    return {
        device: {place: each for place, each in placed.items() if place.updates in (None, largest)}
        for device, placed in sorted(found.items())
    }


def cost_tables(records: Sequence[Record], costs: Iterable[Cost]) -> list[Table]:
    """Return a table for each device; of several transfers, of the first, which it names."""
    transfers = transfers_of(records)
    if not transfers:
        return []
    of_which = f" ({transfers[0].label()})" if len(transfers) > 1 else ""
    return [
        Table(f"Costs on “{device}”{of_which}", _lines(placed))
        for device, placed in costs_by_device(records, costs, transfers[0]).items()
    ]


def _lines(costs: Costs) -> Lines:
    """Return a line per backbone, arm, size and, where there are any, training temperature."""
    rows = []
    for place, cells in arm_cells(sorted(costs, key=lambda place: place.position)).items():
        models = list(costs[place].values())
        training, pretraining = zip(*map(seconds_of, models), strict=True)
        measured = {
            "parameters": f"{models[0].n_parameters:,}",
            "force call (ms)": _median(map(_force_call_ms, models)),
            "updates": f"{models[0].updates:,}",
            "updates / s": _median(m.updates_per_second for m in models),
            "training (s)": _median(training),
            "pretraining (s)": _median(pretraining) if any(pretraining) else "–",
            "memory (MiB)": _median(m.peak_memory_mib for m in models),
        }
        rows.append(cells | measured)
    return lines_of(rows)


def _median(values: Iterable[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "–"
    value = float(np.median(known))
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _points(rows: list[Row], placed: Costs, cost_of: CostOf) -> dict[int, list[Point]]:
    """Return size → error and cost of each arm of which all costs are known."""
    points: dict[int, list[Point]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.place.size):
        paid = [
            cost_of(cost) for pair, cost in placed.get(row.arm, {}).items() if pair in row.values
        ]
        known = [cost for cost in paid if cost]
        if known and len(known) == len(row.values):
            point = Point(row.arm, geometric_mean(known), row.mean.value)
            points[row.place.size].append(point)
    return points
