"""Errors of all arms, metric by metric: a table, what it says, ranks and learning curves."""

from collections.abc import Iterator

from tlbench.metrics import METRICS
from tlbench.metrics.spec import MetricSpec
from tlbench.metrics.statistics import MIN_PAIRS, geometric_mean, tie_groups
from tlbench.report.analysis import (
    MOST_BESIDE,
    Analysis,
    Names,
    comparison,
    note_of,
    place_names,
    present,
)
from tlbench.report.content import Block, Figure, Paragraph, Section, Sentences, Table, drawing
from tlbench.report.rows import Row, seed_of
from tlbench.report.sections.findings import curve_findings, range_findings
from tlbench.report.wording import n_pairs_text
from tlbench.results.records import Record
from tlbench.study.transfers import WHOLE

CURVES_NOTE = (
    "Lines join geometric means over pairs; every pair is a faint point. Bands are 95 % "
    "intervals of the mean, drawn from five pairs on and for at most four arms. An arm "
    "without target data is a level. Both axes are logarithmic."
)
TIES_NOTE = (
    "Models in one tie group are not shown to be worse than its best, by the 95 % interval of "
    "their paired ratio."
)
MOST_LINES = 30
"""Lines of a table that a page shows at once."""


def errors(analysis: Analysis) -> Iterator[Section]:
    """Yield a section for each metric of which there are errors on the target."""
    for name in analysis.metrics:
        rows = analysis.of_metric(name)
        if rows:
            metric = METRICS.get(name)
            summary = f"{metric.summary[0].upper()}{metric.summary[1:]}; {metric.better} is better."
            ranks = [] if analysis.has_several else ranking(rows, metric, analysis.results.records)
            yield Section(
                f"errors-{name}",
                f"{name} ({metric.unit})",
                [
                    Paragraph(summary),
                    error_table(analysis, rows),
                    Sentences(findings(analysis, name)),
                    *ranks,
                ],
            )


def error_table(analysis: Analysis, rows: list[Row]) -> Table:
    """Return errors and ratios to scratch of one metric on all test structures."""
    strategies = present(rows, analysis.strategies)
    names = {**(_transfer_names(rows) if analysis.has_several else {}), **place_names(rows)}
    beside, below = comparison(rows, names, strategies)
    lines = beside if len(strategies) <= MOST_BESIDE else below
    return Table(rows[0].metric, lines, note_of(rows), beside, below, len(lines) > MOST_LINES + 1)


def _transfer_names(rows: list[Row]) -> Names:
    names = {"source": [row.transfer.source for row in rows]}
    if any(row.transfer.part is not None for row in rows):
        names["pretrained on"] = [row.transfer.part or WHOLE for row in rows]
    return {**names, "target": [row.transfer.target for row in rows]}


def findings(analysis: Analysis, metric: str) -> list[str]:
    """Return what the errors of a metric on all test structures say."""
    if analysis.has_several:
        return range_findings(analysis.of_metric(metric))
    return curve_findings(analysis, metric)


def ranking(rows: list[Row], metric: MetricSpec, records: list[Record]) -> list[Block]:
    """Return the ranks of all models at the largest size, or why there are none.

    Columns: model, rank, tie group, geometric mean. Where some model has fewer than `MIN_PAIRS`
    pairs there are no tie groups, and so no ranks.
    """
    # An arm without target data has as many values as source models: too few to be ranked.
    trained = [row for row in rows if row.trained and row.place.train_temperature_k is None]
    if not trained:
        return []
    size = max(row.place.size for row in trained)
    entries = {
        f"{row.place.backbone}, {row.place.strategy}": row.values
        for row in trained
        if row.place.size == size
    }
    fewest = min(map(len, entries.values()))
    if fewest < MIN_PAIRS:
        return [
            Paragraph(
                f"Models are not ranked: with {n_pairs_text(fewest)} no two can be distinguished; "
                f"ranks need at least {MIN_PAIRS}."
            )
        ]
    lower = metric.better == "lower"
    try:
        standings = tie_groups(entries, seed_of(records, metric.name), lower_is_better=lower)
    except ValueError:
        # An unfinished run: some model shares no pair with the others.
        return []
    lines = [["model", "rank", "tie group", metric.name]]
    for name, standing in standings.items():
        mean = geometric_mean(list(entries[name].values()))
        lines.append([name, str(standing.rank), str(standing.group), f"{mean:.1f}"])
    return [Table(f"Ranks at N = {size} and this budget", lines, TIES_NOTE)]


def learning_curves(analysis: Analysis) -> Iterator[Section]:
    """Yield errors against training-set size: of all metrics, or case by case if there are many."""
    cases = {}
    by_case = _cases(analysis)
    for case, rows in by_case.items():
        sizes = {row.place.size for row in rows if row.trained}
        if len(sizes) < (1 if rows[0].place.train_temperature_k is None else 2):
            continue
        # Every metric of errors is shown, also where all else is by one.
        metrics = analysis.suite.error_metrics
        for metric in metrics if len(by_case) == 1 else metrics[:1]:
            some = [row for row in rows if row.metric == metric]
            if some:
                strategies = present(some, analysis.strategies)
                cases[metric if len(by_case) == 1 else case] = drawing(
                    "tlbench.report.figures:learning_curves", some, strategies
                )
    figure = Figure("learning-curves", "Learning curves", CURVES_NOTE, cases)
    yield Section("curves", "Number of structures", [figure])


def _cases(analysis: Analysis) -> dict[str, list[Row]]:
    """Return the rows by transfer and, where models saw one temperature only, by that."""
    cases = {}
    for transfer in analysis.transfers:
        rows = [row for row in analysis.rows if row.transfer == transfer and not row.tested]
        for at in dict.fromkeys(row.place.train_temperature_k for row in rows):
            trained = "" if at is None else f", trained at {at:g} K"
            some = [row for row in rows if row.place.train_temperature_k == at]
            cases[f"{transfer.label()}{trained}"] = some
    return cases
