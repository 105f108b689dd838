"""The results of a run in Markdown."""

from tlbench.dynamics import Dynamics
from tlbench.metrics import METRICS
from tlbench.records import Record
from tlbench.report.breakdowns import breakdowns
from tlbench.report.budget import budget_label, budget_note
from tlbench.report.costs import COSTS_NOTE, cost_tables
from tlbench.report.data_notes import NO_NOTES, DataNotes
from tlbench.report.dynamics.section import dynamics_section
from tlbench.report.findings import ranking
from tlbench.report.overview import overview
from tlbench.report.relations.gains import gain_matrices
from tlbench.report.relations.section import RelationsSection, relations_section
from tlbench.report.summary import markdown_table, plain
from tlbench.report.temperature import matrices, tables
from tlbench.report.transfers import has_several
from tlbench.report.tuned import tuned_note, tuned_table
from tlbench.results import Results
from tlbench.suite import Suite


def markdown(
    results: Results, metrics: list[str], suite: Suite, notes: DataNotes = NO_NOTES
) -> str:
    """Return tables and findings of all ``metrics``, and of whatever else there is."""
    notes = notes.completed(results.records)
    results = notes.comparable_results(results)
    records, dynamics = results.records, results.dynamics
    blocks = [f"**{budget_label(suite)}**", budget_note(suite, suite.tuned is not None)]
    if notes.sentences:
        blocks += ["**Data**", "\n".join(f"- {plain(said)}" for said in notes.sentences)]
    if suite.tuned is not None:
        blocks += [
            "**Tuned settings**",
            markdown_table(tuned_table(suite.tuned)),
            tuned_note(suite.tuned, suite.untuned_arms()),
        ]
    for metric in metrics:
        found = overview(records, metric)
        if found is None:
            continue
        blocks.append(f"**{metric}** ({METRICS.get(metric).unit})")
        blocks.append(markdown_table(found.shown))
        blocks.append(found.note)
        blocks.append("\n".join(f"- {sentence}" for sentence in found.findings))
        if has_several(records):
            for gained in gain_matrices(records, metric) if metric == metrics[0] else []:
                blocks.append(f"{gained.title()}, relative to scratch:")
                blocks.append(markdown_table(gained.lines()))
            continue
        ranked = ranking(records, metric)
        if ranked:
            if ranked.lines:
                blocks.append(f"Ranks at N = {ranked.size} and this budget:")
                blocks.append(markdown_table(ranked.lines))
            blocks.append(ranked.note)
        # Of metrics of one unit, as MAE and RMSE, the page has the tables of the others.
        if metric == next(m for m in metrics if METRICS.get(m).unit == METRICS.get(metric).unit):
            for breakdown in breakdowns(records, metric):
                blocks += [f"{breakdown.title}:", markdown_table(breakdown.lines), breakdown.note]
        # The page has the matrices of the other metrics.
        for matrix in matrices(records, metric) if metric == metrics[0] else []:
            for title, lines in tables(matrix):
                blocks.append(
                    f"{matrix.backbone}, N = {matrix.size}, {title}: columns are test temperatures"
                )
                blocks.append(markdown_table(lines))
    if dynamics is not None:
        blocks += _of_dynamics(dynamics, records)
    section = relations_section(results, metrics[0]) if metrics else None
    if section is not None:
        blocks += _of_relations(section)
    for title, lines in cost_tables(records, results.costs):
        blocks += [f"**Cost** on {title}", markdown_table(lines), COSTS_NOTE]
    return "\n\n".join(block.strip() for block in blocks if block.strip()) + "\n"


def _of_relations(section: RelationsSection) -> list[str]:
    return [
        "**Ratio to scratch against distance and coverage**",
        "\n".join(f"- {sentence}" for sentence in section.findings),
        *(
            block
            for table in section.blocks
            for block in (table.title, markdown_table(table.lines), table.note)
        ),
    ]


def _of_dynamics(dynamics: Dynamics, records: list[Record]) -> list[str]:
    section = dynamics_section(dynamics, records)
    return [
        "**Molecular dynamics**",
        section.introduction,
        markdown_table(section.arms.lines),
        section.arms.note,
        "\n".join(f"- {sentence}" for sentence in section.findings),
        *(
            block
            for table in section.details
            for block in (f"{table.title}:", markdown_table(table.lines), table.note)
        ),
    ]
