"""The table of a metric and what it says, for runs of one transfer and of several."""

from dataclasses import dataclass

from tlbench.records import Record
from tlbench.report.findings import findings
from tlbench.report.relations.gains import gains_findings, gains_note, gains_table
from tlbench.report.summary import (
    MOST_BESIDE,
    lines_by_arm,
    lines_by_place,
    note,
    strategies_of,
    summarise,
)
from tlbench.report.transfers import has_several


@dataclass(frozen=True)
class Overview:
    """A table, its header first, a note on its signs, and findings.

    ``lines`` has the arms side by side, ``by_arm`` below each other; ``shown`` is the one of the
    two that can be read on a page, which depends on the number of arms.
    """

    lines: list[list[str]]
    by_arm: list[list[str]]
    n_arms: int
    note: str
    findings: list[str]

    @property
    def shown(self) -> list[list[str]]:
        """The table for a page."""
        return self.lines if self.n_arms <= MOST_BESIDE else self.by_arm


def overview(records: list[Record], metric: str) -> Overview | None:
    """Return the table of ``metric`` on the target; None if nothing was measured."""
    if has_several(records):
        lines = gains_table(records, metric)
        if len(lines) < 2:
            return None
        by_arm = gains_table(records, metric, lines_by_arm)
        return Overview(
            lines,
            by_arm,
            len(strategies_of(records)),
            gains_note(records, metric),
            gains_findings(records, metric),
        )
    table = summarise(records, metric)
    if not table.rows:
        return None
    return Overview(
        lines_by_place(table),
        lines_by_arm(table),
        len(table.strategies),
        note(table),
        findings(records, metric),
    )
