"""The results of a run in Markdown."""

from collections.abc import Sequence

from tlbench.costs import Cost
from tlbench.dynamics import Dynamics
from tlbench.records import Record
from tlbench.report.costs import COSTS_NOTE, costs_by_device, costs_table
from tlbench.report.dynamics.section import dynamics_section
from tlbench.report.findings import findings, ranking
from tlbench.report.summary import cells, header, markdown_table, note, strategies_of, summarise
from tlbench.report.temperature import matrices, tables
from tlbench.report.tuned import tuned_note, tuned_table
from tlbench.suite import Suite


def markdown(
    records: list[Record],
    metrics: list[str],
    dynamics: Dynamics | None = None,
    costs: Sequence[Cost] = (),
    suite: Suite | None = None,
) -> str:
    """Return tables and findings of all ``metrics``, of simulations and costs if there are any."""
    blocks = []
    if suite is not None and suite.tuned is not None:
        blocks += [
            "**Tuned settings**",
            markdown_table(tuned_table(suite.tuned)),
            tuned_note(suite.tuned, suite.untuned_arms()),
        ]
    for metric in metrics:
        table = summarise(records, metric)
        if not table.rows:
            continue
        blocks.append(f"**{metric}** ({table.unit})")
        blocks.append(markdown_table([header(table), *[cells(table, row) for row in table.rows]]))
        blocks.append(note(table))
        blocks.append("\n".join(f"- {sentence}" for sentence in findings(records, metric)))
        ranked = ranking(records, metric)
        if ranked:
            size, lines = ranked
            blocks.append(f"Ranks at N = {size}:")
            blocks.append(markdown_table(lines))
        # The page has the matrices of the other metrics.
        for matrix in matrices(records, metric) if metric == metrics[0] else []:
            for title, lines in tables(matrix):
                blocks.append(
                    f"{matrix.backbone}, N = {matrix.size}, {title}: columns are test temperatures"
                )
                blocks.append(markdown_table(lines))
    if dynamics is not None:
        blocks += _of_dynamics(dynamics, records)
    for device, found in costs_by_device(records, costs).items():
        lines = costs_table(found, strategies_of(records))
        if len(lines) > 1:
            blocks += [f"**Cost** on {device}", markdown_table(lines), COSTS_NOTE]
    return "\n\n".join(block.strip() for block in blocks if block.strip()) + "\n"


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
