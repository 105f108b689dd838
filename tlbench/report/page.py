"""The report: one HTML file that works offline."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from tlbench.files import write_whole
from tlbench.metrics import METRICS
from tlbench.plan import PRETRAIN
from tlbench.records import Record
from tlbench.report.summary import cells, header, summarise
from tlbench.suite import Suite

CURVES_NOTE = (
    "Lines join geometric means over pairs; every pair is a faint point. An arm without target "
    "data is a level. Both axes are logarithmic."
)
TEMPERATURE_NOTE = (
    "Geometric means over pairs of the error on the test structures of each temperature, "
    "one panel per backbone and size."
)


def write_report(
    path: Path,
    suite: Suite,
    suite_digest: str,
    records: list[Record],
    provenance: list[dict[str, Any]],
    failures: Sequence[tuple[str, str]] = (),
) -> None:
    """Write the report of a run; the file appears whole or not at all.

    Parameters
    ----------
    provenance
        One entry per finished job.
    failures
        Label and error of every job that failed.
    """
    from plotly.offline import get_plotlyjs

    environment = Environment(
        loader=PackageLoader("tlbench.report", "."), autoescape=True, trim_blocks=True
    )
    text = environment.get_template("template.html").render(
        suite=suite,
        suite_digest=suite_digest,
        settings=suite.model_dump(mode="json"),
        cards=[suite.source.load(), suite.target.load()],
        sections=_sections(suite, records),
        source_models=_source_models(records),
        failures=failures,
        cost=_cost(provenance),
        plotly_js=Markup(get_plotlyjs()),
    )
    write_whole(path, text)


def _sections(suite: Suite, records: list[Record]) -> list[dict[str, Any]]:
    """Return one section per metric: its table and its plots."""
    from tlbench.report.plots import by_temperature, learning_curves

    sections = []
    for name in suite.metrics:
        summary = summarise(records, name)
        if not summary.rows:
            continue
        metric = METRICS.get(name)
        arguments = (records, name, metric.unit, summary.strategies)
        figures: list[tuple[str, str, Any]] = []
        if any(row.size for row in summary.rows):
            figures.append(("Learning curves", CURVES_NOTE, learning_curves(*arguments)))
        if suite.by:
            figures.append(("By temperature", TEMPERATURE_NOTE, by_temperature(*arguments)))
        sections.append(
            {
                "metric": metric,
                "header": header(summary),
                "rows": [cells(summary, row) for row in summary.rows],
                "figures": [
                    {"title": title, "note": note, "html": _embedded(figure, f"{name}-{number}")}
                    for number, (title, note, figure) in enumerate(figures)
                ],
            }
        )
    return sections


def _source_models(records: list[Record]) -> list[Record]:
    return [r for r in records if r.strategy == PRETRAIN and not r.condition]


def _embedded(figure: Any, name: str) -> Markup:
    html: str = figure.to_html(
        full_html=False,
        default_width="100%",
        include_plotlyjs=False,
        div_id=name,
        config={"displaylogo": False, "responsive": True, "modeBarButtons": [["toImage"]]},
    )
    width = figure.layout.meta["min_width"]
    return Markup(f'<div style="min-width: {width}px">{html}</div>')


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
