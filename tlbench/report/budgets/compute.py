"""Equal data or equal compute: an arm against scratch, and against scratch trained as long."""

from tlbench.base.phrases import counted
from tlbench.report.analysis import Analysis
from tlbench.report.content import Table, lines_of
from tlbench.report.rows import Row, ratio_between
from tlbench.report.wording import BASELINE, interval_note, ratio_text
from tlbench.study.suite import Suite
from tlbench.transfer import arm

NOTE = (
    "Equal data and updates: the arm against scratch, which has the same structures and as many "
    "updates on them. Equal compute: against scratch-long, which has as many updates as "
    "pretraining and fine-tuning together. Pretraining is done once, so its share in what a target "
    "costs falls with the number of targets that start from it."
)
TARGETS = (1, 5, 20)
"""Numbers of targets that share one pretraining."""


def compute_table(analysis: Analysis, rows: list[Row]) -> Table:
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
    several = len(analysis.transfers) > 1
    lines, ratios = [], []
    for row in rows:
        other = long.get((row.transfer, row.place.scratch))
        if other is None or not (row.trained and arm(row.place.strategy).needs_source):
            continue
        matched = ratio_between(row, other)
        ratios += [ratio for ratio in (row.ratio, matched) if ratio]
        lines.append(
            ({"transfer": row.transfer.label()} if several else {})
            | {
                "backbone": row.place.backbone,
                "arm": row.place.strategy,
                "N": str(row.place.size),
                "updates": f"{row.place.updates or 0:,}",
                f"equal data: / {BASELINE}": ratio_text(row.ratio) if row.ratio else "–",
                f"equal compute: / {other.place.strategy}": ratio_text(matched) if matched else "–",
            }
            | shares(analysis.suite, row.place.updates or 0)
        )
    note = f"{NOTE} {interval_note(ratios)}".strip()
    return Table("Equal data and equal compute", lines_of(lines), note, folded=len(lines) > 30)


def shares(suite: Suite, updates: int) -> dict[str, str]:
    """Return the updates per target, with those of pretraining shared over some targets."""
    pretraining = suite.pretraining.updates
    found = {}
    for number in TARGETS:
        title = f"updates, {counted(number, 'target')}"
        found[title] = f"{updates + pretraining / number:,.0f}"
    return found
