"""Reports as pages: HTML that works offline."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tlbench.base.files import write_whole
from tlbench.base.phrases import listed
from tlbench.report.analysis import Analysis
from tlbench.report.content import Lines, Section, lines_of, text_columns
from tlbench.report.data_notes import NO_NOTES, DataNotes
from tlbench.report.outline import sections_of
from tlbench.report.properties.values import FILE as PROPERTIES
from tlbench.report.properties.values import properties_csv
from tlbench.report.sections.answer import NAME as ANSWER
from tlbench.report.wording import budget_label, budget_note, draw_note
from tlbench.results.results import Results
from tlbench.study.changes import changes_of
from tlbench.study.study import Study

DIGITS = 5
"""Significant digits of what is drawn."""

MOST_LISTED = 50
"""Devices, packages and the like that are listed one by one."""

Jobs = Sequence[Mapping[str, Any]]
"""The provenance of jobs, one entry each."""


def write_report(
    path: Path,
    study: Study,
    complete: dict[str, Any],
    results: Results,
    provenance: list[dict[str, Any]],
    failures: Sequence[tuple[str, str]] = (),
    notes: DataNotes = NO_NOTES,
    first: Callable[[Analysis], Iterable[Section]] = lambda analysis: (),
) -> None:
    """Write the report of a run, and beside it a table of properties if there are any.

    Files appear whole or not at all.

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
    first
        Returns sections that come before all others, and instead of the answer.
    """
    suite, notes = study.suite, notes.completed(results.records)
    analysis = Analysis.of(notes.comparable_results(results), suite)
    leading = [*first(analysis)]
    others = [each for each in sections_of(analysis) if not leading or each.name != ANSWER]
    sections = [*leading, *others]
    text = render(
        "report/template.html",
        suite=suite,
        between=_between(study),
        changes=changes_of(study),
        budget_label=budget_label(suite),
        budget_note=f"{budget_note(suite, suite.tuned is not None)} {draw_note(study)}".strip(),
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
    beside = path.with_name(PROPERTIES)
    if results.properties:
        write_whole(beside, properties_csv(results.properties))
    else:
        # Of another run into the same folder.
        beside.unlink(missing_ok=True)


def _between(study: Study) -> str:
    """Return in words what is transferred between."""
    if study.suite.matrix is not None:
        return f"transfers among {', '.join(study.suite.matrix.elements)}"
    transfer, parts = study.ends[0].transfer, study.suite.source_parts
    sources = listed(dict.fromkeys(ends.source_name for ends in study.ends))
    between = f"{sources} → {transfer.target}"
    return between + (f", {len(parts)} parts of the source" if parts else "")


def environment(*packages: str, **options: Any) -> Environment:
    """Return an environment for templates of the package, and of the folders ``templates`` of some.

    Parameters
    ----------
    packages
        Dotted names. Templates of `tlbench` itself are named by their path in it.
    """
    folders = [PackageLoader(package, "templates") for package in packages]
    made = Environment(
        loader=ChoiceLoader([*folders, PackageLoader("tlbench", ".")]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        **options,
    )
    made.filters["text_columns"] = text_columns
    made.filters["upper_first"] = lambda text: text[:1].upper() + text[1:]
    return made


def render(template: str, **values: Any) -> str:
    """Return a page that holds plotly's script.

    Parameters
    ----------
    template
        Path of the template in the package. It is given plotly's code as ``plotly_js``; what
        is not marked as safe is escaped.
    """
    from plotly.offline import get_plotlyjs

    page = environment(undefined=StrictUndefined).get_template(template)
    return page.render(**values, plotly_js=Markup(get_plotlyjs()))


def figures_json(sections: Iterable[Section]) -> Markup:
    """Return the figures of some sections, as the script of a page draws them.

    Returns
    -------
    Markup
        JSON: name of a figure → one figure for each of its cases.
    """
    figures = [figure for section in sections for figure in section.figures]
    drawn = {f.name: [spec_of(draw()) for draw in f.cases.values()] for f in figures}
    return Markup(safe_json(drawn))


def safe_json(value: Any) -> str:
    """Return JSON that is safe within a page and within a script, whatever it holds."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def spec_of(figure: Any) -> dict[str, Any]:
    """Return a figure for plotly's script: without the template, which the page has its own of."""
    content = figure.to_dict()
    content["layout"].pop("template", None)
    return {"data": _plain(content["data"]), "layout": _plain(content["layout"])}


def _plain(value: Any) -> Any:
    """Return what JSON can hold, with the digits that can be seen."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return rounded(value, DIGITS) if isinstance(value, float) else value


def rounded(value: float | None, digits: int) -> float | None:
    """Return a number with so many significant digits."""
    if value is None or isinstance(value, int):
        return value
    short = float(f"{value:.{digits}g}")
    return int(short) if short.is_integer() else short


def embedded(figure: Any, name: str) -> Markup:
    """Return a plotly figure as part of a page.

    Parameters
    ----------
    name
        Identifier, unique in the page.
    """
    html: str = figure.update_layout(template="plotly_white").to_html(
        full_html=False,
        default_width="100%",
        include_plotlyjs=False,
        div_id=name,
        config={"displaylogo": False, "responsive": True, "modeBarButtons": [["toImage"]]},
    )
    return Markup(html)


def facts_of(jobs: Jobs) -> dict[str, Any]:
    """Return hardware, versions and cost of some jobs, for people."""
    return {
        "devices": _few(_device_text(job) for job in jobs),
        "threads": sorted({job.get("threads", 1) for job in jobs}),
        "kernels": _few(job["kernels"] for job in jobs if job.get("kernels")),
        "pythons": _few(job["python"] for job in jobs),
        "packages": _few(f"{k} {v}" for job in jobs for k, v in job["packages"].items()),
        "commits": [_commit_text(*commit) for commit in commits_of(jobs)],
        "first": min((job["started"] for job in jobs), default="–"),
        "last": max((job["started"] for job in jobs), default="–"),
        "cpu_hours": sum(job["cpu_seconds"] for job in jobs) / 3600,
        "wall_hours": sum(job["wall_seconds"] for job in jobs) / 3600,
        "kinds": _kinds(jobs),
    }


def commits_of(jobs: Jobs) -> list[tuple[str | None, bool]]:
    """Return commit of the code, and whether it was changed, the most frequent first."""
    count = Counter((job["git_commit"], bool(job["git_dirty"])) for job in jobs)
    return sorted(count, key=lambda commit: (-count[commit], commit[0] or "", commit[1]))


def _few(texts: Iterable[str]) -> list[str]:
    """Return texts in order, of many only how many more there are."""
    found = sorted(set(texts))
    more = len(found) - MOST_LISTED
    return found if more <= 0 else [*found[:MOST_LISTED], f"and {more} more"]


def _device_text(job: Mapping[str, Any]) -> str:
    memory = job.get("device_memory_mib")
    about = [
        f"{memory / 1024:.0f} GiB" if memory else "",
        f"driver {job['driver']}" if job.get("driver") else "",
        f"CUDA {job['cuda']}" if job.get("cuda") else "",
        "TF32" if job.get("tf32") else "",
        job.get("instructions") or "",
    ]
    known = ", ".join(filter(None, about))
    return f"{job['device_name']} ({known})" if known else str(job["device_name"])


def _commit_text(commit: str | None, dirty: bool) -> str:
    return (commit or "an installed package") + (" with local changes" if dirty else "")


def _kinds(jobs: Jobs) -> Lines:
    kinds = sorted({job["kind"] for job in jobs})
    found = {kind: [job for job in jobs if job["kind"] == kind] for kind in kinds}
    return lines_of(
        {
            "job": kind,
            "number": str(len(some)),
            "CPU hours": f"{sum(job['cpu_seconds'] for job in some) / 3600:.3f}",
            "hours": f"{sum(job['wall_seconds'] for job in some) / 3600:.3f}",
        }
        for kind, some in found.items()
    )
