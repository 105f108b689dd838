"""Which start is best, by one submission, as a table for the front page of a repository."""

import math
import re
from collections.abc import Mapping

from tlbench.base.errors import InputError
from tlbench.board.reading import Entry
from tlbench.metrics import METRICS
from tlbench.report.analysis import Analysis
from tlbench.report.markdown import markdown_table
from tlbench.report.rows import Row
from tlbench.report.sections.costs import (
    costs_by_device,
    force_call_ms,
    median_text,
    seconds_of,
)
from tlbench.report.sections.starts import mean_text, start_of, starts_of
from tlbench.results.shares import shares_of

_ENERGIES = "energy_mae"


def starts_table(entry: Entry) -> str:
    """Return every start with its error at each N and its cost, in Markdown, the best first.

    Errors are of the first metric of the suite, of last weights at the largest budget; they are
    ordered by those at the largest N; starts without one come last. Of that N are also the errors
    of energies, if the suite has them, and times. Where models are missing, it is said how many
    there are.

    Raises
    ------
    InputError
        If the suite has no list of sources.
    """
    if entry.suite.sources is None:
        raise InputError(f"{entry.label} compares no starts: its suite has no list of sources.")
    metric = entry.suite.error_metrics[0]
    beside = [_ENERGIES] if _ENERGIES in entry.suite.error_metrics[1:] else []
    shares = shares_of(entry.errors(), entry.tests(), (metric, *beside))
    analysis = Analysis(entry.results, entry.suite, (metric, *beside), shares)
    found = _by_start(analysis, metric)
    sizes = sorted({size for rows in found.values() for size in rows})
    at_most = f"N = {sizes[-1]}"
    head = [f"N = {size}" for size in sizes]
    head += [f"{each} at {at_most} ({METRICS.get(each).unit})" for each in beside]
    head += [f"training at {at_most} (s)", "force call (ms)"]
    lines = [[f"start ({metric}, {METRICS.get(metric).unit})", *head]]
    others = [_by_start(analysis, each) for each in beside]
    expected = len(entry.suite.seed_pairs())
    for start, rows in sorted(found.items(), key=lambda each: _error(each[1], sizes[-1])):
        shown = [rows.get(size) for size in sizes]
        shown += [found_at.get(start, {}).get(sizes[-1]) for found_at in others]
        errors = [_error_text(row, expected) for row in shown]
        lines.append([_called(*start), *errors, *_costs(rows.get(sizes[-1]), entry)])
    return markdown_table(lines).replace("--:", "---")


def _by_start(analysis: Analysis, metric: str) -> dict[tuple[str, str], dict[int, Row]]:
    """Return (start, network) → N → its row."""
    found: dict[tuple[str, str], dict[int, Row]] = {}
    for row in starts_of(analysis.of_metric(metric)):
        found.setdefault(start_of(row), {})[row.place.size] = row
    return found


def _called(start: str, network: str) -> str:
    """Return the name of a start, with its network unless that is called like its source."""
    plain, name = (re.sub(r"\W", "", each).lower() for each in (start, network))
    return start if plain.startswith(name) else f"{start} ({network})"


def _error(rows: Mapping[int, Row], size: int) -> float:
    return rows[size].mean.value if size in rows else math.inf


def _error_text(row: Row | None, expected: int) -> str:
    if row is None:
        return "–"
    missing = row.trained and row.mean.n_pairs < expected
    return mean_text(row) + (f" ({row.mean.n_pairs} of {expected} pairs)" if missing else "")


def _costs(row: Row | None, entry: Entry) -> list[str]:
    """Return the median times of training and of a force call; none where devices differ.

    The time of pretraining, if there was any, is added to that of training: 10 + 450.
    """
    results = entry.results
    devices = row and costs_by_device(results.records, results.costs, row.transfer)
    if row is None or not devices or len(devices) != 1:
        return ["–", "–"]
    (placed,) = devices.values()
    models = list(placed.get(row.arm, {}).values())
    times = [seconds_of(cost) for cost in models if cost.updates]
    taken = median_text(own for own, _ in times)
    if any(before for _, before in times):
        taken += f" + {median_text(before for _, before in times)}"
    return [taken, median_text(map(force_call_ms, models))]
