"""Errors on further test sets, beside those from scratch."""

from collections.abc import Iterator
from dataclasses import replace

from tlbench.metrics import METRICS
from tlbench.metrics.conditions import DATA, ConditionKey
from tlbench.report.analysis import Analysis, note_of, place_cells
from tlbench.report.content import Block, Paragraph, Section, Table, lines_of
from tlbench.report.forgetting.retention import data_names
from tlbench.report.rows import Row
from tlbench.report.sections.conditions import tables_of
from tlbench.report.wording import BASELINE, UNFITTED, ratio_text

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
