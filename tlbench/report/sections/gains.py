"""What each start gives and costs: error, stability and times, and which nothing else beats."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tlbench.base.phrases import listed
from tlbench.metrics import METRICS
from tlbench.metrics.statistics import geometric_mean, model_of
from tlbench.report.analysis import Analysis, arm_cells
from tlbench.report.content import Block, Draw, Figure, Section, Table, drawing, lines_of
from tlbench.report.rows import Row
from tlbench.report.sections.costs import (
    Costs,
    costs_by_device,
    force_call_ms,
    median_text,
    training_seconds,
)
from tlbench.results.costs import Cost
from tlbench.study.model_key import Place, Transfer
from tlbench.transfer import starts_from_source

FRONT_NOTE = (
    "Geometric means over pairs, on the device that is named. The line joins the models to which "
    "no other is better in both error at this budget and cost. An arm without target data is in "
    "every panel."
)
GAINS_NOTE = (
    "Geometric means over pairs. Training includes pretraining where a source model was pretrained "
    "for it; the weights of a published potential cost nothing here. “best for its”: no other "
    "start of the same N has both a lower error and a lower cost of this kind; a start without "
    "target data is compared at every N."
)
STABILITY = "stability_rate"
_OF = ("training", "force call")
"""What the costs of `AXES` are called in a table."""


CostOf = Callable[[Cost], float | None]
AXES: tuple[tuple[str, str, CostOf], ...] = (
    ("Error against training cost", "pretraining and training (s)", training_seconds),
    ("Error against inference cost", "force call of 64 atoms (ms)", force_call_ms),
)
"""Title of a figure, title of its axis, and the cost that errors are drawn against."""

Priced = Mapping[Transfer, Mapping[str, Costs]]
"""Transfer → device → costs."""


@dataclass(frozen=True)
class Point:
    """An arm at one size: its mean error and its cost, and what it starts from, in words."""

    place: Place
    cost: float
    error: float
    start: str


def gains(analysis: Analysis) -> Iterator[Section]:
    """Yield errors beside stability and cost, all starts of a target together, by device."""
    records, known = analysis.results.records, analysis.results.costs
    priced = {each: costs_by_device(records, known, each) for each in analysis.transfers}
    figures = [
        Figure(
            title.lower().replace(" ", "-"),
            title,
            FRONT_NOTE,
            _cases(analysis, priced, axis, cost_of),
        )
        for title, axis, cost_of in AXES
    ]
    blocks: list[Block] = [*gain_tables(analysis, priced), *figures]
    section = Section("gains", "Error, stability and cost", blocks)
    if section.blocks:
        yield section


def _cases(analysis: Analysis, priced: Priced, axis: str, cost_of: CostOf) -> dict[str, Draw]:
    """Return the figures of error against one kind of cost, by what they are of."""
    metric = METRICS.get(analysis.metrics[0])
    rows = analysis.of_metric(metric.name)
    cases: dict[str, Draw] = {}
    for name, transfers in compared_starts(analysis).items():
        several = len(transfers) > 1
        of_target = [row for row in rows if row.transfer in transfers]
        starts = list(dict.fromkeys(start_of(row, several) for row in of_target))
        shown = {name: of_target} if several else analysis.cases(of_target)
        for device, placed in _by_device(priced, transfers):
            for case, some in shown.items():
                points = _points(some, placed, cost_of)
                if any(point.place.size for found in points.values() for point in found):
                    label = f"{metric.name} ({metric.unit})"
                    cases[f"{case}, “{device}”"] = drawing(
                        "figures:cost_fronts", points, axis, label, metric.unit, starts
                    )
    return cases


def _by_device(
    priced: Priced, transfers: list[Transfer]
) -> Iterator[tuple[str, dict[Transfer, Costs]]]:
    """Yield each device with the costs of some transfers there."""
    for device in dict.fromkeys(name for each in transfers for name in priced[each]):
        yield device, {each: priced[each].get(device, {}) for each in transfers}


def compared_starts(analysis: Analysis) -> dict[str, list[Transfer]]:
    """Return what is compared in one figure or table: all sources of one target, by its name.

    Pairs of elements, and parts of one source, are too many beside each other.
    """
    if _has_many(analysis):
        return {each.label(): [each] for each in analysis.transfers}
    found: dict[str, list[Transfer]] = {}
    for each in analysis.transfers:
        found.setdefault(f"all sources → {each.target}", []).append(each)
    return found


def _has_many(analysis: Analysis) -> bool:
    return analysis.suite.matrix is not None or analysis.suite.source_parts is not None


def start_of(row: Row, several: bool) -> str:
    """Return what a model starts from: its arm and, if there are ``several``, its source."""
    strategy = row.place.strategy
    if not several or not starts_from_source(strategy):
        return strategy
    return f"{row.transfer.source}, {strategy}"


def _points(
    rows: list[Row], placed: Mapping[Transfer, Costs], cost_of: CostOf
) -> dict[int, list[Point]]:
    """Return size → error and cost of each start of which all costs are known, each once."""
    points: dict[int, dict[Point, None]] = defaultdict(dict)
    for row in sorted(rows, key=lambda row: row.place.size):
        cost = _mean_cost(row, placed[row.transfer], cost_of)
        if cost is not None:
            start = start_of(row, len(placed) > 1)
            points[row.place.size][Point(row.arm, cost, row.mean.value, start)] = None
    return {size: list(found) for size, found in points.items()}


def _mean_cost(row: Row, placed: Costs, cost_of: CostOf) -> float | None:
    """Return the geometric mean over the models of a row; None unless all are known."""
    paid = {
        model_of(row.values, pair): cost_of(cost) for pair, cost in placed.get(row.arm, {}).items()
    }
    known = [cost for model, cost in paid.items() if cost and model]
    return geometric_mean(known) if known and len(known) == len(row.values) else None


def gain_tables(analysis: Analysis, priced: Priced) -> Iterator[Table]:
    """Yield what each start gives and costs, a table for each device: error, stability, times."""
    metric = METRICS.get(analysis.metrics[0])
    rows = analysis.of_metric(metric.name)
    if _has_many(analysis):
        return
    for name, transfers in compared_starts(analysis).items():
        several = len(transfers) > 1
        for device, placed in _by_device(priced, transfers):
            lines: dict[tuple[str, Place], dict[str, str]] = {}
            some = [
                row for row in rows if row.transfer in transfers and row.arm in placed[row.transfer]
            ]
            fronts = [_fronts(some, placed, cost_of) for _, _, cost_of in AXES]
            first = arm_cells(row.arm for row in some)
            for row in some:
                start = start_of(row, several)
                training, call = (
                    _mean_cost(row, placed[row.transfer], cost_of) for _, _, cost_of in AXES
                )
                cells = first[row.arm] | {"arm": start, metric.name: metric.text(row.mean.value)}
                if (stable := _stability(analysis, row)) is not None:
                    cells["stability"] = stable
                cells |= {
                    "force call (ms)": median_text([call]),
                    "training (s)": median_text([training]),
                }
                best = [
                    of for of, front in zip(_OF, fronts, strict=True) if (start, row.arm) in front
                ]
                cells["best for its"] = listed(best) or "–"
                lines.setdefault((start, row.arm), cells)
            of_which = f"{name}, “{device}”" if analysis.has_several else f"“{device}”"
            title = f"Error, stability and cost: {of_which}"
            yield Table(title, lines_of(lines.values()), GAINS_NOTE, brief=False)


def _fronts(
    rows: list[Row], placed: Mapping[Transfer, Costs], cost_of: CostOf
) -> set[tuple[str, Place]]:
    """Return the starts that no other of the same size beats in both error and cost."""
    found = set()
    for points in _points(rows, placed, cost_of).values():
        for point in pareto(points):
            found.add((point.start, point.place))
    return found


def _stability(analysis: Analysis, row: Row) -> str | None:
    """Return the share of simulations of an arm that were stable; None without simulations.

    What is not trained is one arm, whichever trained ones it is compared with.
    """
    for other in analysis.rows:
        if (other.metric, other.transfer, other.arm) == (STABILITY, row.transfer, row.arm):
            return METRICS.get(STABILITY).text(other.mean.value)
    return None


def pareto(points: list[Point]) -> list[Point]:
    """Return the points that no other beats in both cost and error, the cheapest first."""
    front: list[Point] = []
    for point in sorted(points, key=lambda p: (p.cost, p.error)):
        if not front or point.error < front[-1].error:
            front.append(point)
    return front
