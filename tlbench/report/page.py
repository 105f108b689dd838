"""The report: one HTML file that works offline."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tlbench.base.files import write_whole
from tlbench.report.analysis import Analysis
from tlbench.report.data_notes import NO_NOTES, DataNotes
from tlbench.report.html import figures_json, render
from tlbench.report.outline import sections_of
from tlbench.report.provenance import facts_of
from tlbench.report.wording import budget_label, budget_note
from tlbench.results.results import Results
from tlbench.study.changes import changes_of
from tlbench.study.study import Study


def write_report(
    path: Path,
    study: Study,
    complete: dict[str, Any],
    results: Results,
    provenance: list[dict[str, Any]],
    failures: Sequence[tuple[str, str]] = (),
    notes: DataNotes = NO_NOTES,
) -> None:
    """Write the report of a run; the file appears whole or not at all.

    Parameters
    ----------
    complete
        The suite with every default spelt out.
    provenance
        One entry per finished job.
    failures
        Label and error of every job that failed.
    notes
        What should be known of the data.
    """
    suite, notes = study.suite, notes.completed(results.records)
    analysis = Analysis.of(notes.comparable_results(results), suite)
    sections = list(sections_of(analysis))
    text = render(
        "report/template.html",
        suite=suite,
        between=_between(study),
        changes=changes_of(study),
        budget_label=budget_label(suite),
        budget_note=budget_note(suite, suite.tuned is not None),
        suite_digest=study.digest,
        settings=complete,
        cards=study.cards,
        sections=sections,
        figures=figures_json(sections),
        is_measured=bool(analysis.rows),
        failures=failures,
        notes=notes.sentences,
        facts=facts_of(provenance),
    )
    write_whole(path, text)


def _between(study: Study) -> str:
    """Return in words what is transferred between."""
    if study.suite.matrix is not None:
        return f"every pair of {', '.join(study.suite.matrix.elements)}"
    transfer, parts = study.ends[0].transfer, study.suite.source_parts
    between = f"{transfer.source} → {transfer.target}"
    return between + (f", {len(parts)} parts of the source" if parts else "")
