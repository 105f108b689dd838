"""Records boiled down to one table."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tlbench.metrics.statistics import Pair, Ratio, geometric_mean, paired_ratio
from tlbench.plan import PRETRAIN
from tlbench.records import Record

BASELINE = "scratch"

Errors = dict[tuple[str, str, int], dict[Pair, float]]
"""(backbone, strategy, size) → the value of each pair."""


@dataclass(frozen=True)
class Row:
    """One backbone at one size.

    Attributes
    ----------
    errors
        Strategy → geometric mean of the metric over pairs.
    ratios
        Strategy → its paired ratio to the baseline.
    """

    backbone: str
    size: int
    errors: Mapping[str, float]
    ratios: Mapping[str, Ratio]


@dataclass(frozen=True)
class Summary:
    """A table of one metric: a row per backbone and size, a column per strategy."""

    metric: str
    unit: str
    strategies: list[str]
    rows: list[Row]


def target_errors(records: Iterable[Record], metric: str) -> Errors:
    """Return the overall values of ``metric`` on the target, by model."""
    found: Errors = defaultdict(dict)
    for record in records:
        if record.metric == metric and not record.condition and record.strategy != PRETRAIN:
            place = (record.backbone, record.strategy, record.size)
            found[place][record.subset_seed, record.init_seed] = record.value
    return found


def summarise(records: list[Record], metric: str) -> Summary:
    """Return the table of ``metric``.

    Strategies that see no target data stand in every row; alone, they have a row of size 0.
    """
    found = target_errors(records, metric)
    unit = next((r.unit for r in records if r.metric == metric), "")
    strategies = list(dict.fromkeys(strategy for _, strategy, _ in found))
    strategies.sort(key=lambda s: s != BASELINE)
    trained = any(size for _, _, size in found)
    places = sorted({(backbone, size) for backbone, _, size in found if size or not trained})
    rows = []
    for backbone, size in places:
        errors, ratios = {}, {}
        baseline = found.get((backbone, BASELINE, size), {})
        for strategy in strategies:
            values = found.get((backbone, strategy, size)) or found.get((backbone, strategy, 0))
            if not values:
                continue
            errors[strategy] = geometric_mean(list(values.values()))
            ratio = paired_ratio(values, baseline)
            if strategy != BASELINE and ratio:
                ratios[strategy] = ratio
        rows.append(Row(backbone, size, errors, ratios))
    return Summary(metric, unit, strategies, rows)


def header(summary: Summary) -> list[str]:
    """Return the column titles of the table."""
    ratios = [f"{s} / {BASELINE}" for s in summary.strategies if s != BASELINE]
    return ["backbone", "N", *summary.strategies, *ratios]


def cells(summary: Summary, row: Row) -> list[str]:
    """Return the cells of one row as text."""
    errors = [f"{row.errors[s]:.1f}" if s in row.errors else "–" for s in summary.strategies]
    ratios = [
        f"{row.ratios[s].value:.2f} ({_pairs(row.ratios[s].n_pairs)})" if s in row.ratios else "–"
        for s in summary.strategies
        if s != BASELINE
    ]
    return [row.backbone, str(row.size), *errors, *ratios]


def _pairs(count: int) -> str:
    return f"{count} pair{'s' if count != 1 else ''}"


def markdown(records: list[Record], metrics: list[str]) -> str:
    """Return the tables of all ``metrics`` in Markdown."""
    tables = [summarise(records, metric) for metric in metrics]
    return "\n".join(
        f"**{table.metric}** ({table.unit})\n\n{_markdown_table(table)}"
        for table in tables
        if table.rows
    )


def _markdown_table(summary: Summary) -> str:
    titles = header(summary)
    lines = [titles, ["---"] + ["--:"] * (len(titles) - 1)]
    lines += [cells(summary, row) for row in summary.rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
