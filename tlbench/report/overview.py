"""The table of a metric and what it says, for runs of one transfer and of several."""

from dataclasses import dataclass

from tlbench.records import Record
from tlbench.report.findings import findings
from tlbench.report.relations.gains import gains_findings, gains_note, gains_table
from tlbench.report.summary import lines_by_arm, lines_by_place, note, summarise
from tlbench.report.transfers import has_several


@dataclass(frozen=True)
class Overview:
    """A table, its header first, a note on its signs, and findings.

    ``lines`` has the arms side by side, ``by_arm`` below each other.
    """

    lines: list[list[str]]
    by_arm: list[list[str]]
    note: str
    findings: list[str]


def overview(records: list[Record], metric: str) -> Overview | None:
    """Return the table of ``metric`` on the target; None if nothing was measured."""
    if has_several(records):
        lines = gains_table(records, metric)
        if len(lines) < 2:
            return None
        by_arm = gains_table(records, metric, lines_by_arm)
        return Overview(lines, by_arm, gains_note(records, metric), gains_findings(records, metric))
    table = summarise(records, metric)
    if not table.rows:
        return None
    said = findings(records, metric)
    return Overview(lines_by_place(table), lines_by_arm(table), note(table), said)
