"""Every page of the site."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from jinja2 import StrictUndefined

from tlbench.board.checks.trust import summary
from tlbench.board.site.best_models import best_models, board_sections, pooled
from tlbench.board.site.boards import (
    Board,
    Kind,
    Member,
    changes_text,
    quotation_of,
    title_of,
)
from tlbench.board.site.exports import RULES, files_of, words_of
from tlbench.board.site.headline import Published
from tlbench.board.site.reproduction import Reproduction
from tlbench.board.submission import CARD, SUITE
from tlbench.metrics import METRICS
from tlbench.metrics.spec import MetricSpec
from tlbench.report.html import environment, facts_of, figures_json
from tlbench.report.properties.values import FILE as PROPERTIES
from tlbench.report.properties.values import properties_csv
from tlbench.report.sections.costs import COSTS_NOTE, cost_tables
from tlbench.report.sections.models import source_table
from tlbench.report.wording import WORSE_NOTE, budget_label, budget_note
from tlbench.study.changes import changes_of

Pages = Iterator[tuple[str, str]]
"""Path below the site, and text."""


@dataclass(frozen=True)
class History:
    """A submission and its other revisions, oldest first."""

    member: Member
    board: Board | None
    revisions: list[Member]

    @property
    def newest(self) -> Member:
        """The revision that counts."""
        return self.revisions[-1]


class Writer:
    """Renders pages; what comes from submissions is escaped. Those of a private board say so."""

    def __init__(self, private: bool = False) -> None:
        self.private = private
        self._environment = environment("tlbench.board.site", undefined=StrictUndefined)
        self._environment.filters |= {
            "zip": zip,
            "plain": "{:g}".format,
            "metric_text": _metric_text,
            "trust_summary": summary,
            # So that units are not broken in two.
            "unbroken": lambda text: text.replace("/", "/\u2060"),
            "title_of": title_of,
            "quotation_of": quotation_of,
        }
        self._environment.globals |= {"version": version("tlbench"), "private": private}

    def page(self, path: str, template: str, **values: Any) -> tuple[str, str]:
        """Return path and text of a page, with ``root`` leading from it to the front page."""
        root = "../" * path.count("/")
        text = self._environment.get_template(template).render(root=root, **values)
        return path, text


def _metric_text(metric: MetricSpec) -> str:
    unit = "" if metric.unit == "1" else f" ({metric.unit})"
    return f"{metric.name}{unit}, {metric.better} is better"


def front_pages(
    writer: Writer, published: Sequence[Published], left_out: Sequence[tuple[str, str]]
) -> Pages:
    """Yield the pages that are about no single suite.

    Parameters
    ----------
    left_out
        Submissions that are not shown, each with why in half a sentence.
    """
    # On a private board most suites are of data of one's own, so none of them leads.
    leading = [each for each in published if writer.private or each.board.kind is Kind.SHIPPED]
    led = {each.board.suite.name for each in leading}
    others = [each for each in published if each.board.suite.name not in led]
    yield writer.page("index.html", "index.html", leading=leading, others=others, left_out=left_out)
    measured = {row.metric for each in published for row in each.rows}
    metrics = [METRICS.get(name) for name in METRICS.names() if name in measured]
    yield writer.page("method.html", "method.html", rules=RULES, metrics=metrics, worse=WORSE_NOTE)


def board_pages(
    writer: Writer, each: Published, published: Sequence[Published], members: Iterable[Member]
) -> Pages:
    """Yield the page of a board and those of its submissions, with the files beside them.

    Parameters
    ----------
    members
        All revisions of the submissions of the board.
    """
    yield from _suite_pages(writer, each, published)
    shown = {member.name for member in each.board.members}
    of_name: dict[str, list[Member]] = {}
    for member in sorted(members, key=lambda member: member.entry.about.revision):
        of_name.setdefault(member.entry.about.name, []).append(member)
    for revisions in of_name.values():
        for member in revisions:
            board = each.board if member.name in shown else None
            yield from _submission_pages(writer, History(member, board, revisions))


def _suite_pages(writer: Writer, each: Published, published: Sequence[Published]) -> Pages:
    board, rows = each.board, each.rows
    models = best_models(board, rows)
    sections = board_sections(board, models)
    files = files_of(rows)
    temperatures = {row.place.train_temperature_k for row in rows} - {None}
    yield writer.page(
        f"{board.folder}/index.html",
        "suite.html",
        published=each,
        board=board,
        suite=board.suite,
        others=[o.board for o in published if o.board.suite.name == board.suite.name and o != each],
        n_rows=len(rows),
        n_files=len(files),
        words=words_of(rows),
        metrics=[METRICS.get(name) for name in dict.fromkeys(row.metric for row in rows)],
        sizes=sorted({row.place.size for row in rows}),
        temperatures=sorted(temperatures),
        budgets=[
            *((budget, f"{budget:,}") for budget in reversed(board.suite.budgets or ())),
            ("", "all"),
        ],
        has_groups=any(row.group is not None for row in rows),
        sections=sections,
        figures=figures_json(sections),
        n_models=len(board.labels),
        shown=[board.labels[model] for model in models],
        budget=budget_note(board.suite, any(m.entry.suite.tuned for m in board.members)),
        rules=RULES,
        worse=WORSE_NOTE,
    )
    for number, text in enumerate(files, start=1):
        yield f"{board.folder}/rows-{number}.js", text
    if properties := pooled(board, list(board.labels))[0].properties:
        yield f"{board.folder}/{PROPERTIES}", properties_csv(properties)


def _submission_pages(writer: Writer, history: History) -> Pages:
    member = history.member
    entry = member.entry
    folder = f"submissions/{entry.label}"
    changes = changes_of(entry.study)
    suite = (entry.folder / SUITE).read_text(encoding="utf-8")
    results = entry.results
    yield writer.page(
        f"{folder}/index.html",
        "submission.html",
        history=history,
        member=member,
        entry=entry,
        about=entry.about,
        suite=entry.suite,
        changes=changes,
        changes_text=changes_text(changes),
        facts=facts_of([job.model_dump() for job in entry.provenance]),
        repeat=Reproduction(entry),
        budget=budget_label(entry.suite),
        sources=source_table(results.records),
        costs=cost_tables(results.records, results.costs),
        costs_note=COSTS_NOTE,
        outline=_outline(json.loads(suite)),
    )
    yield f"{folder}/{SUITE}", suite
    for name in filter(CARD.fullmatch, entry.about.files):
        yield f"{folder}/{name}", (entry.folder / name).read_text(encoding="utf-8")


def _outline(settings: dict[str, Any], key: str = "") -> list[tuple[str, str]]:
    """Return every setting by its dotted key, as ``--set`` of ``tlbench run`` takes it."""
    found: list[tuple[str, str]] = []
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            found += _outline(value, f"{key}{name}.")
        elif key or name not in ("title", "description"):
            found.append((f"{key}{name}", json.dumps(value, ensure_ascii=False)))
    return found
