"""Which start is best, by one submission, as a table for the front page of a repository."""

from collections.abc import Iterable, Mapping
from statistics import geometric_mean

from tlbench.base.errors import InputError
from tlbench.board.reading import Entry
from tlbench.metrics import METRICS
from tlbench.report.analysis import Analysis
from tlbench.report.markdown import markdown_table
from tlbench.report.rows import Row
from tlbench.report.sections.costs import (
    Costs,
    costs_by_device,
    force_call_ms,
    median_text,
    seconds_of,
)
from tlbench.report.sections.starts import mean_text, start_of, starts_of
from tlbench.results.shares import shares_of


def starts_table(entry: Entry) -> str:
    """Return every start with its error at each N and its cost, in Markdown, the best first.

    Errors are of the first metric of the suite, of last weights at the largest budget; they are
    ordered by their geometric mean over all N.

    Raises
    ------
    InputError
        If the suite has no list of sources.
    """
    if entry.suite.sources is None:
        raise InputError(f"{entry.label} compares no starts: its suite has no list of sources.")
    metric = entry.suite.error_metrics[0]
    shares = shares_of(entry.errors(), entry.tests(), (metric,))
    analysis = Analysis(entry.results, entry.suite, (metric,), shares)
    found: dict[tuple[str, str], dict[int, Row]] = {}
    for row in starts_of(analysis.of_metric(metric)):
        found.setdefault(start_of(row), {})[row.place.size] = row
    sizes = sorted({size for rows in found.values() for size in rows})
    unit = METRICS.get(metric).unit
    head = [f"N = {size}" for size in sizes]
    lines = [[f"start ({metric}, {unit})", "network", *head, "training (s)", "force call (ms)"]]
    devices = costs_by_device(entry.results.records, entry.results.costs)
    for (start, network), rows in sorted(found.items(), key=_error):
        errors = [mean_text(rows[size]) if size in rows else "–" for size in sizes]
        lines.append([start, network, *errors, *_costs(rows.values(), devices)])
    return markdown_table(lines).replace("--:", "---")


def _error(start: tuple[tuple[str, str], Mapping[int, Row]]) -> float:
    return geometric_mean(row.mean.value for row in start[1].values())


def _costs(rows: Iterable[Row], devices: Mapping[str, Costs]) -> list[str]:
    """Return the median times of training and of a force call; none where devices differ."""
    if len(devices) != 1:
        return ["–", "–"]
    (placed,) = devices.values()
    models = [cost for row in rows for cost in placed.get(row.arm, {}).values()]
    trained = [seconds_of(cost)[0] for cost in models if cost.updates]
    return [median_text(trained), median_text(map(force_call_ms, models))]
