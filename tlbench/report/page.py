"""The report: one HTML file that works offline."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from tlbench.metrics import METRICS
from tlbench.plan import PRETRAIN
from tlbench.records import Record
from tlbench.report.summary import cells, header, summarise
from tlbench.suite import Suite


def write_report(
    path: Path,
    suite: Suite,
    suite_digest: str,
    records: list[Record],
    provenance: list[dict[str, Any]],
) -> None:
    """Write the report of a run; the file appears whole or not at all.

    Parameters
    ----------
    provenance
        One entry per finished job.
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
        tables=_tables(suite, records),
        source_models=_source_models(records),
        figures=_figures(suite, records),
        cost=_cost(provenance),
        plotly_js=Markup(get_plotlyjs()),
    )
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


def _tables(suite: Suite, records: list[Record]) -> list[dict[str, Any]]:
    tables = []
    for metric in suite.metrics:
        summary = summarise(records, metric)
        if summary.rows:
            tables.append(
                {
                    "metric": METRICS.get(metric),
                    "header": header(summary),
                    "rows": [cells(summary, row) for row in summary.rows],
                }
            )
    return tables


def _source_models(records: list[Record]) -> list[Record]:
    return [r for r in records if r.strategy == PRETRAIN and not r.condition]


def _figures(suite: Suite, records: list[Record]) -> list[dict[str, Any]]:
    from tlbench.report.plots import by_temperature, learning_curves

    figures = []
    for metric in suite.metrics:
        summary = summarise(records, metric)
        if not summary.rows:
            continue
        spec = METRICS.get(metric)
        drawn = learning_curves(records, metric, spec.unit, summary.strategies)
        figures.append(
            {
                "title": f"{metric}: learning curves",
                "note": "Lines join geometric means over (subset, init) pairs; each pair is a "
                "faint point. Both axes are logarithmic; lower is better.",
                "html": _embedded(drawn, f"curves-{metric}"),
            }
        )
        if suite.by:
            drawn = by_temperature(records, metric, spec.unit, summary.strategies)
            figures.append(
                {
                    "title": f"{metric}: by temperature",
                    "note": "Geometric means over pairs of the error on the test frames of each "
                    "temperature.",
                    "html": _embedded(drawn, f"temperature-{metric}"),
                }
            )
    return figures


def _embedded(figure: Any, name: str) -> Markup:
    html: str = figure.to_html(
        full_html=False,
        include_plotlyjs=False,
        div_id=name,
        config={"displaylogo": False, "responsive": True},
    )
    return Markup(html)


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
