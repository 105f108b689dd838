"""What models cost."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from tlbench.metrics.statistics import Pair
from tlbench.report.analysis import Analysis, arm_cells
from tlbench.report.content import Lines, Paragraph, Section, Table, lines_of
from tlbench.report.rows import transfers_of
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


def training_seconds(cost: Cost) -> float:
    """Return the time of pretraining and training, s."""
    own, pretraining = seconds_of(cost)
    return own + pretraining


def seconds_of(cost: Cost) -> tuple[float, float]:
    """Return the times of training and of pretraining, s: of the clock on an accelerator."""
    if cost.on_accelerator:
        return cost.wall_seconds, cost.pretraining_wall_seconds or 0.0
    return cost.cpu_seconds, cost.pretraining_cpu_seconds or 0.0


def force_call_ms(cost: Cost) -> float | None:
    """Return the time of one force call of 64 atoms, ms; None where it was not measured."""
    return None if cost.force_call_seconds is None else 1e3 * cost.force_call_seconds


def costs(analysis: Analysis) -> Iterator[Section]:
    """Yield tables of what models cost, device by device."""
    if tables := cost_tables(analysis.results.records, analysis.results.costs):
        yield Section("costs", "Costs", [*tables, Paragraph(COSTS_NOTE)])


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
            "force call (ms)": median_text(map(force_call_ms, models)),
            "updates": f"{models[0].updates:,}",
            "updates / s": median_text(m.updates_per_second for m in models),
            "training (s)": median_text(training),
            "pretraining (s)": median_text(pretraining) if any(pretraining) else "–",
            "memory (MiB)": median_text(m.peak_memory_mib for m in models),
        }
        rows.append(cells | measured)
    return lines_of(rows)


def median_text(values: Iterable[float | None]) -> str:
    """Return the median of the values that are known, as tables have it."""
    known = [value for value in values if value is not None]
    if not known:
        return "–"
    value = float(np.median(known))
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
