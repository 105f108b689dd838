"""Errors on further test sets, beside those from scratch."""

from collections.abc import Iterator
from dataclasses import replace

from tlbench.metrics import METRICS
from tlbench.metrics.conditions import DATA, ConditionKey
from tlbench.report.analysis import Analysis, arm_cells, note_of, place_cells
from tlbench.report.content import Block, Paragraph, Section, Table, lines_of
from tlbench.report.forgetting.retention import data_names
from tlbench.report.rows import Row
from tlbench.report.sections.conditions import tables_of
from tlbench.report.wording import BASELINE, UNFITTED, ratio_text
from tlbench.study.model_key import Place, Transfer
from tlbench.transfer import starts_from_source

WHAT = (
    "Models on test structures of other data than their target's. A model is tested on them only "
    "if all of their elements are among those that it, or its source model, was trained on, or "
    "that start as an element of its source. In energies, the constants of elements that the "
    "target lacks are still those of the source model."
)


def further_sets(analysis: Analysis) -> Iterator[Section]:
    """Yield the errors of the last weights on each further test set, and by property in it."""
    blocks: list[Block] = []
    for name in data_names(analysis):
        for metric in analysis.every_metric:
            rows = analysis.of_metric(metric, ((DATA, name),))
            if rows:
                blocks.append(_table(analysis, rows, name))
            parts = [_within(row) for row in analysis.rows if _is_part(row, metric, name)]
            blocks += tables_of(analysis, parts, f"{metric} on {name}", brief=False)
    if blocks:
        yield Section("further-sets", "Errors on other data", [Paragraph(WHAT), *blocks])


def all_sets(analysis: Analysis) -> Table | None:
    """Return the first metric on the target and on each further set, side by side.

    None without further sets. Backbones that follow from the start have no column, nor have sizes
    where nothing is trained.
    """
    metric, names = METRICS.get(analysis.metrics[0]), data_names(analysis)
    if not names:
        return None
    lines: dict[tuple[Transfer, Place], dict[str, str]] = {}
    for row in analysis.of_metric(metric.name):
        cells = lines.setdefault((row.transfer, row.arm), _first_cells(row))
        cells[row.transfer.target] = metric.text(row.mean.value)
    for name in names:
        for row in analysis.of_metric(metric.name, ((DATA, name),)):
            cells = lines.setdefault((row.transfer, row.arm), _first_cells(row))
            cells[name] = metric.text(row.mean.value)
    rows = list(lines.values())
    starts = {row["start"] for row in rows}
    spare = {"N"} if {row["N"] for row in rows} == {"0"} else set()
    if len({(row["start"], row["backbone"]) for row in rows}) == len(starts):
        spare.add("backbone")
    kept = lines_of({k: v for k, v in row.items() if k not in spare} for row in rows)
    return Table(f"{metric.name} ({metric.unit}) on every test set", kept)


def _first_cells(row: Row) -> dict[str, str]:
    """Return from what and how a model starts, and its other coordinates."""
    arm = row.place.strategy
    start = f"{row.transfer.source}, {arm}" if starts_from_source(arm) else arm
    cells = arm_cells([row.arm])[row.arm]
    return {"start": start} | {title: cell for title, cell in cells.items() if title != "arm"}


def _is_part(row: Row, metric: str, name: str) -> bool:
    tested = dict(row.tested)
    return row.metric == metric and tested.get(DATA) == name and len(tested) > 1


def _within(row: Row) -> Row:
    """Return a row without the name of the data set in its condition."""
    tested: ConditionKey = tuple(each for each in row.tested if each[0] != DATA)
    return replace(row, tested=tested)


def _table(analysis: Analysis, rows: list[Row], name: str) -> Table:
    metric = METRICS.get(rows[0].metric)
    lines = []
    for row, place in zip(rows, place_cells(rows), strict=True):
        cells = {"transfer": row.transfer.label()} if analysis.has_several else {}
        error = metric.text(row.mean.value) + ("" if row.is_comparable else UNFITTED)
        cells |= place | {"arm": row.place.strategy, metric.name: error}
        if row.ratio is not None:
            cells[f"/ {BASELINE}"] = ratio_text(row.ratio, row.trained)
        lines.append(cells)
    note = note_of(rows, signs_only=True)
    return Table(f"{metric.name} ({metric.unit}) on {name}", lines_of(lines), note)
