"""The section on budgets: errors at each, what is converged, equal updates, which weights."""

from collections.abc import Iterator

from tlbench.base.phrases import counted
from tlbench.metrics import METRICS
from tlbench.metrics.statistics import geometric_mean, over_shared
from tlbench.metrics.statistics.convergence import RULE
from tlbench.report.analysis import Analysis, present
from tlbench.report.budgets.compute import MOST_LINES, compute_table
from tlbench.report.budgets.hypotheses import hypotheses, worth
from tlbench.report.budgets.outcomes import (
    Outcome,
    arm_lines,
    by_budget,
    convergences,
    is_arm,
    outcomes,
    series_of,
)
from tlbench.report.budgets.words import both_metrics, change_text, state_text
from tlbench.report.content import (
    Block,
    Draw,
    Figure,
    Paragraph,
    Section,
    Sentences,
    Table,
    drawing,
    lines_of,
)
from tlbench.report.rows import Row, ratio_between
from tlbench.report.sections.errors import error_table
from tlbench.report.wording import BASELINE, interval_note, number_text, ratio_text

CURVES_NOTE = (
    "Each point is a training of its own, with its whole schedule. Geometric means over pairs; "
    "bars are their 95 % intervals, drawn for at most four arms and a little beside each other. "
    "Both axes are logarithmic. What trains for longer than the others is at its own number of "
    "updates. Arms whose lines have not levelled off are not converged."
)
MAPS_NOTE = (
    "Error relative to training from scratch with the same structures and the same number of "
    "updates: blue below 1, red above. Where it comes nearer to 1 with more updates, an arm learns "
    "faster rather than better."
)
BEST_NOTE = (
    "Best weights are those of the lowest validation error during training, last ones those after "
    "its last update. Below 1 in the first ratio, training went on too long."
)


def budgets(analysis: Analysis) -> Iterator[Section]:
    """Yield what depends on the budget, if a suite has several."""
    if analysis.suite.budgets is None:
        return
    blocks: list[Block] = [Paragraph(RULE)]
    tables: list[Block] = []
    curves: dict[str, Draw] = {}
    maps: dict[str, Draw] = {}
    found: list[list[Outcome]] = []
    for metric in analysis.metrics:
        every = [r for r in analysis.every_row if r.metric == metric]
        rows = [r for r in every if not r.tested]
        if not rows:
            continue
        found.append(outcomes(every))
        for case, some in analysis.cases(rows).items():
            if not any(row.trained and row.place.updates for row in some):
                continue
            name = f"{metric}, {case}" if analysis.has_several else metric
            strategies = present(some, analysis.strategies)
            longer = analysis.suite.pretraining.updates
            curves[name] = drawing("budgets.figures:error_curves", some, strategies, longer)
            compared = [row for row in some if row.ratio and is_arm(row.place)]
            # Of one training set, the curves say as much.
            if len({row.place.replace(updates=None).column for row in compared}) > 1:
                maps[name] = drawing("budgets.figures:ratio_maps", some, strategies)
        table = error_table(analysis, rows)
        tables.append(Table(f"{metric} at every budget", table.lines, table.note, table.wide,
                            table.narrow, folded=True, brief=False))  # fmt: skip
        tables += [
            convergence_table(rows, metric),
            hypotheses(rows, metric),
            worth(rows, metric),
            compute_table(analysis, rows, metric),
            best_table(every, metric),
        ]
    if len(found) > 1:
        other = _of_other_unit(found)
        if other:
            names = f"{found[0][0].metric} and {other[0].metric} together"
            blocks.append(Sentences(both_metrics(found[0], other), names))
    yield Section(
        "budgets",
        "Number of updates: converged or not",
        [
            *blocks,
            Figure("error-curves", "Error against updates", CURVES_NOTE, curves),
            Figure("ratio-maps", "Ratio to scratch over N and updates", MAPS_NOTE, maps),
            *tables,
        ],
    )


def _of_other_unit(found: list[list[Outcome]]) -> list[Outcome]:
    """Return the outcomes of the first metric that is of another quantity than the first of all."""
    quantity = found[0][0].metric.partition("_")[0] if found[0] else ""
    others = (some for some in found if some and not some[0].metric.startswith(quantity))
    return next(others, [])


def _shared_means(*rows: Row) -> list[float]:
    """Return the geometric means of errors over the pairs that all rows have, if any, as ratios."""
    shared = over_shared([row.values for row in rows])
    return [
        geometric_mean(list(some.values())) if some else row.mean.value
        for row, some in zip(rows, shared, strict=True)
    ]


def convergence_table(rows: list[Row], metric: str) -> Table:
    """Return a line per arm and N: its errors at the two largest budgets, and the change."""
    known = convergences(rows)
    cells = arm_lines(known)
    lines = []
    for series, budgets in by_budget(row for row in rows if row.trained).items():
        if series not in known:
            continue
        (fewer, before), (more, last) = list(budgets.items())[-2:]
        fewer_mean, more_mean = _shared_means(before, last)
        lines.append(
            cells[series]
            | {
                f"after {fewer:,}": number_text(fewer_mean),
                f"after {more:,}": number_text(more_mean),
                "change": change_text(known[series]),
                "converged?": state_text(known[series]),
            }
        )
    title = f"Converged or not, {metric} ({METRICS.get(metric).unit})"
    return Table(title, lines_of(lines), folded=len(lines) > MOST_LINES)


def best_table(rows: list[Row], metric: str) -> Table:
    """Return a line per arm and N: how the best weights compare with the last ones."""
    largest = max((row.place.updates or 0 for row in rows), default=0)
    at_end = [r for r in rows if r.place.updates == largest and r.trained]
    last = {(r.transfer, r.place): r for r in at_end if not r.tested}
    cells = arm_lines(map(series_of, at_end))
    lines, ratios = [], []
    for row in at_end:
        before = last.get((row.transfer, row.place))
        if dict(row.tested) != {"weights": "best"} or before is None:
            continue
        ratio = ratio_between(row, before)
        last_mean, best_mean = _shared_means(before, row)
        ratios += [each for each in (ratio, before.ratio, row.ratio) if each]
        lines.append(
            cells[series_of(row)]
            | {
                "last": number_text(last_mean),
                "best": number_text(best_mean),
                "best / last": ratio_text(ratio, False) if ratio else "–",
                f"last / {BASELINE}": ratio_text(before.ratio, False) if before.ratio else "–",
                f"best / {BASELINE}": ratio_text(row.ratio, False) if row.ratio else "–",
            }
        )
    note = f"{BEST_NOTE} {interval_note(ratios)}".strip()
    title = f"Last and best weights after {counted(largest, 'update')}, {metric}"
    return Table(title, lines_of(lines), note, folded=True)
