"""Errors on further test sets: beside those from scratch, and beside those of the source model."""

from collections.abc import Iterator
from dataclasses import replace

from tlbench.metrics import METRICS, has_logarithm
from tlbench.metrics.conditions import DATA, ConditionKey
from tlbench.metrics.statistics import Pair, paired_ratio
from tlbench.report.analysis import Analysis, note_of, place_cells
from tlbench.report.content import Block, Paragraph, Section, Table, lines_of
from tlbench.report.rows import Row
from tlbench.report.sections.conditions import tables_of
from tlbench.report.wording import BASELINE, ratio_text
from tlbench.results.results import Results
from tlbench.study.plan import PRETRAIN

FORGETTING = (
    "“/ source model” is the error over that of the source model that the model "
    "started from, on the same structures: above 1, the training on the target has made it worse "
    "there (forgetting)."
)
WHAT = (
    "Models on test structures of other data than their target's. A model is tested on them only "
    "if all of their elements are among those that it, or its source model, was trained on, or "
    "that start as an element of its source. In energies, the constants of elements that the "
    "target lacks are still those of the source model."
)

SourceErrors = dict[tuple[str, str | None, str], dict[Pair, float]]
"""(Source, part, backbone) → errors of the source models."""


def further_sets(analysis: Analysis) -> Iterator[Section]:
    """Yield the errors of the last weights on each further test set, and by property in it."""
    names = list(
        dict.fromkeys(str(dict(r.tested)[DATA]) for r in analysis.rows if DATA in dict(r.tested))
    )
    blocks: list[Block] = []
    for name in names:
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
    known = source_errors(analysis.results, metric.name, name)
    lines = []
    for row, place in zip(rows, place_cells(rows), strict=True):
        cells = {"transfer": row.transfer.label()} if analysis.has_several else {}
        cells |= place | {"arm": row.place.strategy, metric.name: metric.text(row.mean.value)}
        if row.ratio is not None:
            cells[f"/ {BASELINE}"] = ratio_text(row.ratio, row.trained)
        if (retained := _retained(row, known)) is not None:
            cells["/ source model"] = retained
        lines.append(cells)
    note = note_of(rows, signs_only=True)
    if any("/ source model" in cells for cells in lines):
        note = f"{note} {FORGETTING}".strip()
    return Table(f"{metric.name} ({metric.unit}) on {name}", lines_of(lines), note)


def _retained(row: Row, known: SourceErrors) -> str | None:
    """Return the error of an arm over that of its source models; None where either is not there."""
    if row.place.strategy == BASELINE or not has_logarithm(row.metric):
        return None
    start = row.transfer.source, row.transfer.part, row.place.backbone
    ratio = paired_ratio(row.values, known.get(start, {}))
    return None if ratio is None else ratio_text(ratio, flagged=False)


def source_errors(results: Results, metric: str, name: str) -> SourceErrors:
    """Return the errors of source models on a further test set, those of the most updates.

    Where it is the test set of their own data, they are those of the whole test set.
    """
    data = {each.job: each.data for each in results.errors}
    whole = {DATA: name}
    tested = {data.get(r.job) for r in results.records if r.condition == whole} - {None}
    found: SourceErrors = {}
    some = [r for r in results.records if r.model.strategy == PRETRAIN and r.metric == metric]
    for r in sorted(some, key=lambda r: r.model.updates or 0):
        own = not r.condition and data.get(r.job) in tested
        if r.value > 0 and (own or r.condition == whole):
            start = r.model.source, r.model.source_part, r.model.backbone
            found.setdefault(start, {})[r.model.pair] = r.value
    return found
