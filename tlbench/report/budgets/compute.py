"""Equal data or equal updates: an arm against scratch, and against scratch trained as long."""

from tlbench.base.phrases import counted
from tlbench.report.analysis import Analysis
from tlbench.report.budgets.outcomes import arm_lines, series_of
from tlbench.report.content import Table, lines_of
from tlbench.report.rows import Row, ratio_between
from tlbench.report.wording import BASELINE, interval_note, ratio_text
from tlbench.study.suite import Suite
from tlbench.transfer import arm

NOTE = (
    "Equal data and updates: the arm against scratch, which has the same structures and as many "
    "updates on them. Equal updates in all: against scratch-long, which has as many updates as "
    "pretraining and fine-tuning together; where N is below the size of a batch these are cheaper "
    "than updates of pretraining (seconds are in the table of costs). The last columns are the "
    "updates that a target costs, pretraining included, if so many targets start from one source "
    "model."
)
MOST_LINES = 30
"""Lines of a table that a page shows at once."""

TARGETS = (1, 5, 20)
"""Numbers of targets that share one pretraining."""


def compute_table(analysis: Analysis, rows: list[Row], metric: str) -> Table:
    """Return a line per pretrained arm, training set and budget; none without such a comparison.

    Parameters
    ----------
    rows
        Those of one metric on all test structures.
    """
    long = {
        (row.transfer, row.place.replace(strategy=BASELINE)): row
        for row in rows
        if arm(row.place.strategy).compute_matched
    }
    cells = arm_lines(map(series_of, rows))
    lines, ratios = [], []
    for row in rows:
        other = long.get((row.transfer, row.place.scratch))
        if other is None or not (row.trained and arm(row.place.strategy).needs_source):
            continue
        matched = ratio_between(row, other)
        ratios += [ratio for ratio in (row.ratio, matched) if ratio]
        lines.append(
            cells[series_of(row)]
            | {
                "updates": f"{row.place.updates or 0:,}",
                f"equal data: / {BASELINE}": ratio_text(row.ratio, False) if row.ratio else "–",
                f"equal updates in all: / {other.place.strategy}": (
                    ratio_text(matched, False) if matched else "–"
                ),
            }
            | shares(analysis.suite, row.place.updates or 0)
        )
    note = f"{NOTE} {interval_note(ratios)}".strip()
    title = f"Equal data, and equal updates in all, {metric}"
    many = len(lines) > MOST_LINES
    return Table(title, lines_of(lines), note, folded=many, brief=not many)


def shares(suite: Suite, updates: int) -> dict[str, str]:
    """Return the updates per target, with those of pretraining shared over some targets."""
    pretraining = suite.pretraining.updates
    return {f"with {counted(n, 'target')}": f"{updates + pretraining / n:,.0f}" for n in TARGETS}
