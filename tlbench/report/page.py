"""The report: one HTML file that works offline."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from tlbench.costs import Cost
from tlbench.dynamics import Dynamics
from tlbench.files import write_whole
from tlbench.metrics import METRICS
from tlbench.plan import PRETRAIN
from tlbench.records import Record
from tlbench.report.breakdowns import breakdowns
from tlbench.report.budget import budget_label, budget_note
from tlbench.report.costs import COSTS_NOTE, FRONT_NOTE, cost_tables, fronts
from tlbench.report.data_notes import NO_NOTES, DataNotes
from tlbench.report.dynamics.section import dynamics_figures, dynamics_section
from tlbench.report.findings import ranking
from tlbench.report.html import embedded, render
from tlbench.report.overview import overview
from tlbench.report.relations.section import relations_figures, relations_section
from tlbench.report.summary import strategies_of, summarise
from tlbench.report.temperature import matrices, tables
from tlbench.report.transfers import has_several
from tlbench.report.tuned import tuned_note, tuned_table
from tlbench.results import Results
from tlbench.suite import Suite
from tlbench.suite.changes import changes_of

CURVES_NOTE = (
    "Lines join geometric means over pairs; every pair is a faint point. Bands are 95 % "
    "intervals of the mean, drawn from five pairs on and for at most four arms. An arm "
    "without target data is a level. Both axes are logarithmic."
)
CONDITION_NOTE = (
    "Geometric means over pairs of the error on the test structures of each {what}, "
    "one panel per backbone and size."
)
ERRORS_NOTE = (
    "Geometric means over pairs. A row is the temperature of the target training structures, a "
    "column that of the test structures, with their phase. An arm without target data is in the "
    "lowest row."
)
RATIOS_NOTE = (
    "Error of the arm relative to training from scratch on structures of the same temperature: "
    "blue below 1, where the arm has the lower error at this budget, red above. Intervals are in "
    "the tables below."
)
GAINS_NOTE = (
    "Error relative to training from scratch on the same structures, sources down, targets across: "
    "blue below 1, where the arm has the lower error at this budget, red above."
)
PARTS_NOTE = (
    "Error relative to training from scratch at this budget, by what was pretrained on. "
    "Bars are 95 % intervals, drawn from five pairs on."
)
PROPERTIES = {
    "temperature_k": ("By temperature", "temperature"),
    "phase": ("By phase", "phase"),
    "group": ("By kind of structure", "kind"),
}


def write_report(
    path: Path,
    suite: Suite,
    complete: dict[str, Any],
    suite_digest: str,
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
    notes = notes.completed(results.records)
    results = notes.comparable_results(results)
    records = results.records
    text = render(
        "report/template.html",
        suite=suite,
        between=_between(suite),
        changes=changes_of(suite),
        budget_label=budget_label(suite),
        budget_note=budget_note(suite, suite.tuned is not None),
        suite_digest=suite_digest,
        settings=complete,
        cards=suite.cards(),
        sections=_sections(suite, records),
        dynamics=_dynamics(results.dynamics, records) if results.dynamics else None,
        relations=_relations(suite, results),
        source_models=_source_models(records),
        costs=_costs(suite, records, results.costs),
        tuned=(tuned_table(suite.tuned), tuned_note(suite.tuned, suite.untuned_arms()))
        if suite.tuned
        else None,
        failures=failures,
        notes=notes.sentences,
        cost=_cost(provenance),
    )
    write_whole(path, text)


def _between(suite: Suite) -> str:
    """Return in words what is transferred between."""
    if suite.matrix is not None:
        return f"every pair of {', '.join(suite.matrix.elements)}"
    transfer, parts = suite.transfers()[0], suite.source_parts
    source, target = (end.load().elements[0] for end in (transfer.source, transfer.target))
    return f"{source} → {target}" + (f", {len(parts)} parts of the source" if parts else "")


def _sections(suite: Suite, records: list[Record]) -> list[dict[str, Any]]:
    """Return one section per metric: its tables, findings and plots."""
    sections = []
    for name in suite.error_metrics:
        found = overview(records, name)
        if found is None:
            continue
        several = has_several(records)
        sections.append(
            {
                "metric": METRICS.get(name),
                "lines": found.shown,
                "note": found.note,
                "findings": found.findings,
                "ranking": None if several else ranking(records, name),
                "figures": _embedded(_figures(records, name), name),
                "breakdowns": breakdowns(records, name),
                "matrices": [
                    (f"{matrix.backbone}, N = {matrix.size}, {title}", lines)
                    for matrix in ([] if several else matrices(records, name))
                    for title, lines in tables(matrix)
                ],
            }
        )
    return sections


def _figures(records: list[Record], name: str) -> Iterator[tuple[str, str, Any]]:
    """Yield title, note and figure of every plot of a metric."""
    from tlbench.report.heatmaps import error_maps, ratio_maps
    from tlbench.report.plots import by_condition, learning_curves
    from tlbench.report.relations.plots import gain_maps, gains_by_part

    if has_several(records):
        for title, text, figure in (
            ("Ratio to scratch by source and target", GAINS_NOTE, gain_maps(records, name)),
            ("Ratio to scratch by part of the source", PARTS_NOTE, gains_by_part(records, name)),
        ):
            if figure is not None:
                yield title, text, figure
        return
    metric = METRICS.get(name)
    arguments = (records, name, metric.unit, summarise(records, name).strategies)
    if any(
        r.model.size and r.model.train_temperature_k is None and r.model.strategy != PRETRAIN
        for r in records
    ):
        yield "Learning curves", CURVES_NOTE, learning_curves(*arguments)
    for matrix in matrices(records, name):
        where = f"{matrix.backbone}, N = {matrix.size}"
        yield (
            f"From temperature to temperature: {where}",
            ERRORS_NOTE,
            error_maps(matrix, metric.unit),
        )
        if matrix.ratios:
            yield f"Against scratch: {where}", RATIOS_NOTE, ratio_maps(matrix)
    for quantity, (title, word) in PROPERTIES.items():
        figure = by_condition(*arguments, quantity)
        if figure is not None:
            yield title, CONDITION_NOTE.format(what=word), figure


def _dynamics(dynamics: Dynamics, records: list[Record]) -> dict[str, Any]:
    """Return the section on simulations, with its plots."""
    section = dynamics_section(dynamics, records)
    figures = _embedded(dynamics_figures(dynamics, records), "dynamics")
    return {**vars(section), "figures": figures}


def _relations(suite: Suite, results: Results) -> dict[str, Any] | None:
    """Return the section on what gains go with, with its plots."""
    metric = suite.error_metrics[0]
    section = relations_section(results, metric)
    if section is None:
        return None
    figures = _embedded(relations_figures(results, metric), "relations")
    return {**vars(section), "figures": figures}


def _embedded(figures: Iterable[tuple[str, str, Any]], name: str) -> list[dict[str, Any]]:
    """Return figures as parts of the page, numbered after ``name``."""
    return [
        {"title": title, "note": text, "html": _with_width(figure, f"{name}-{number}")}
        for number, (title, text, figure) in enumerate(figures)
    ]


def _costs(suite: Suite, records: list[Record], costs: Sequence[Cost]) -> dict[str, Any] | None:
    """Return tables of what models cost, device by device, and plots of errors against it."""
    from tlbench.report.plots import cost_fronts

    strategies = strategies_of(records)
    tables = list(cost_tables(records, costs))
    if not tables:
        return None
    metric = METRICS.get(suite.error_metrics[0])
    figures = [
        (
            title,
            FRONT_NOTE.format(device=device),
            cost_fronts(points, axis, metric.name, metric.unit, strategies),
        )
        for title, axis, device, points in fronts(records, costs, metric.name)
    ]
    return {"note": COSTS_NOTE, "tables": tables, "figures": _embedded(figures, "cost")}


def _source_models(records: list[Record]) -> list[Record]:
    return [r for r in records if r.model.strategy == PRETRAIN and not r.condition]


def _with_width(figure: Any, name: str) -> Markup:
    """Return a figure that is never narrower than it can be read."""
    width = figure.layout.meta["min_width"]
    return Markup('<div style="min-width: {}px">{}</div>').format(width, embedded(figure, name))


def _cost(provenance: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the jobs of a run cost, and on what they ran."""
    packages = {f"{k} {v}" for p in provenance for k, v in p["packages"].items()}
    commits = {
        (p["git_commit"] or "installed package") + (" with local changes" if p["git_dirty"] else "")
        for p in provenance
    }
    return {
        "jobs": sorted(Counter(p["kind"] for p in provenance).items()),
        "cpu_hours": sum(p["cpu_seconds"] for p in provenance) / 3600,
        "wall_hours": sum(p["wall_seconds"] for p in provenance) / 3600,
        "devices": sorted({f"{p['device']}: {p['device_name']}" for p in provenance}),
        "pythons": sorted({p["python"] for p in provenance}),
        "packages": sorted(packages),
        "commits": sorted(commits),
        "first": min((p["started"] for p in provenance), default=""),
        "last": max((p["started"] for p in provenance), default=""),
    }
