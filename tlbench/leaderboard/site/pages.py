"""Every page of the site."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tlbench.leaderboard.site.boards import (
    Board,
    Kind,
    Member,
    changes_text,
    quotation_of,
    title_of,
)
from tlbench.leaderboard.site.chosen import best_models, costs_of, dynamics_of, records_of
from tlbench.leaderboard.site.columns import files_of, safe_json, words_of
from tlbench.leaderboard.site.facts import facts_of
from tlbench.leaderboard.site.figures import Section, sections_of
from tlbench.leaderboard.site.headline import Headline, headline_of, number_text
from tlbench.leaderboard.site.reproduction import (
    cautions_of,
    copy_of,
    data_files_of,
    installation_of,
    packages_of,
    preparation_of,
    run_of,
    third_party_of,
)
from tlbench.leaderboard.site.rows import Row
from tlbench.leaderboard.site.rules import RULES
from tlbench.leaderboard.site.strip import Strip, strip_of
from tlbench.leaderboard.site.trust import summary
from tlbench.leaderboard.submission import CARD, SUITE
from tlbench.metrics import METRICS
from tlbench.metrics.spec import MetricSpec
from tlbench.plan import PRETRAIN
from tlbench.report.budget import budget_label, budget_note
from tlbench.report.costs import COSTS_NOTE, cost_tables
from tlbench.report.dynamics.section import dynamics_section
from tlbench.report.overview import overview
from tlbench.report.summary import WORSE_NOTE
from tlbench.suite.changes import changes_of

Pages = Iterator[tuple[str, str]]
"""Path below the site, and text."""


@dataclass(frozen=True)
class Published:
    """A board with its rows and what they say."""

    board: Board
    rows: Sequence[Row]
    headline: Headline
    strip: Strip | None

    @classmethod
    def of(cls, board: Board, rows: Sequence[Row]) -> "Published":
        """Return a board with what its rows say."""
        headline = headline_of(board, rows)
        return cls(board, rows, headline, strip_of(headline))


@dataclass(frozen=True)
class History:
    """A submission and its other revisions, oldest first."""

    member: Member
    board: Board | None = None
    revisions: list[Member] = field(default_factory=list)

    @property
    def newest(self) -> Member:
        """The revision that counts."""
        return self.revisions[-1]


class Writer:
    """Renders pages; what comes from submissions is escaped. Those of a private board say so."""

    def __init__(self, private: bool = False) -> None:
        self.private = private
        self._environment = Environment(
            loader=PackageLoader("tlbench.leaderboard.site", "templates"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
        )
        self._environment.filters["zip"] = zip
        self._environment.filters["plain"] = "{:g}".format
        self._environment.filters["metric_text"] = _metric_text
        self._environment.filters["trust_summary"] = summary
        self._environment.filters["unbroken"] = _unbroken
        self._environment.filters["upper_first"] = lambda text: text[:1].upper() + text[1:]
        self._environment.filters["title_of"] = title_of
        self._environment.filters["quotation_of"] = quotation_of
        self._environment.globals["version"] = version("tlbench")
        self._environment.globals["private"] = private

    def page(self, path: str, template: str, **values: Any) -> tuple[str, str]:
        """Return path and text of a page, with ``root`` leading from it to the front page."""
        root = "../" * path.count("/")
        text = self._environment.get_template(template).render(root=root, **values)
        return path, text


def _metric_text(metric: MetricSpec) -> str:
    unit = "" if metric.unit == "1" else f" ({metric.unit})"
    return f"{metric.name}{unit}, {metric.better} is better"


def _unbroken(text: str) -> str:
    """Return a text whose units are not broken in two."""
    return text.replace("/", "/\u2060")


def front_pages(
    writer: Writer, published: Sequence[Published], left_out: Sequence[tuple[str, str]] = ()
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
    others = [each.board for each in published if each.board.suite.name not in led]
    yield writer.page("index.html", "index.html", leading=leading, others=others, left_out=left_out)
    yield writer.page(
        "method.html",
        "method.html",
        rules=RULES,
        metrics=_metrics(published),
        worse=WORSE_NOTE,
    )


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
    for history in _histories(each.board, members):
        yield from _submission_pages(writer, history)


def _metrics(published: Sequence[Published]) -> list[Any]:
    """Return every metric that some board has, in the order of the registry."""
    found = {row.view.metric for each in published for row in each.rows}
    return [METRICS.get(name) for name in METRICS.names() if name in found]


def _histories(board: Board, members: Iterable[Member]) -> list[History]:
    shown = {member.name for member in board.members}
    of_name: dict[str, list[Member]] = {}
    for member in sorted(members, key=lambda member: member.entry.about.revision):
        of_name.setdefault(member.entry.about.name, []).append(member)
    return [
        History(member, board if member.name in shown else None, revisions)
        for revisions in of_name.values()
        for member in revisions
    ]


def _suite_pages(writer: Writer, each: Published, published: Sequence[Published]) -> Pages:
    board, rows = each.board, each.rows
    models = best_models(board, rows)
    records = records_of(board, models)
    simulated = dynamics_of(board, models)
    metric = board.suite.error_metrics[0]
    costs = costs_of(board, models)
    sections = sections_of(records, board.suite.error_metrics, costs, simulated)
    files = files_of(rows)
    views = list(dict.fromkeys(row.view.metric for row in rows))
    found = overview(records, metric)
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
        metrics=[METRICS.get(name) for name in views],
        sizes=sorted({row.size for row in rows}),
        temperatures=sorted({row.at for row in rows if row.at is not None}),
        has_groups=any(row.group is not None for row in rows),
        sections=sections,
        figures=_figures(sections),
        n_models=len(board.labels),
        shown=[board.labels[model] for model in models],
        budget=budget_note(board.suite, any(m.entry.suite.tuned for m in board.members)),
        findings=found.findings if found else [],
        simulations=[(names, dynamics_section(d, records)) for names, d in simulated],
        costs=list(cost_tables(records, costs)),
        costs_note=COSTS_NOTE,
        rules=RULES,
        worse=WORSE_NOTE,
    )
    for number, text in enumerate(files, start=1):
        yield f"{board.folder}/rows-{number}.js", text


def _figures(sections: Sequence[Section]) -> Markup:
    return Markup(safe_json({s.name: list(s.choices.values()) for s in sections}))


def _submission_pages(writer: Writer, history: History) -> Pages:
    member = history.member
    entry = member.entry
    folder = f"submissions/{entry.label}"
    packages = packages_of(entry)
    changes = changes_of(entry.suite)
    suite = (entry.folder / SUITE).read_text(encoding="utf-8")
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
        facts=facts_of(entry),
        preparation=preparation_of(entry),
        installation=installation_of(entry),
        packages=packages,
        files=data_files_of(entry),
        copy=copy_of(entry),
        third_party=third_party_of(packages),
        run=run_of(entry),
        cautions=cautions_of(entry),
        budget=budget_label(entry.suite),
        sources=_source_errors(member),
        costs=list(cost_tables(entry.results.records, entry.results.costs)),
        costs_note=COSTS_NOTE,
        outline=_outline(json.loads(suite)),
    )
    yield f"{folder}/{SUITE}", suite
    for name in filter(CARD.fullmatch, entry.about.files):
        yield f"{folder}/{name}", (entry.folder / name).read_text(encoding="utf-8")


def _source_errors(member: Member) -> list[list[str]]:
    """Return the errors of source models on the test set of their own element."""
    lines = [["backbone", "element", "init seed", "structures", "metric", "value"]]
    for r in member.entry.results.records:
        if r.model.strategy == PRETRAIN and not r.condition:
            of = r.model.target + (f" ({r.model.source_part})" if r.model.source_part else "")
            value = f"{number_text(r.value)} {r.unit}"
            lines.append(
                [r.model.backbone, of, str(r.model.init_seed), str(r.model.size), r.metric, value]
            )
    return lines


def _outline(settings: dict[str, Any]) -> list[tuple[str, str]]:
    """Return every setting by its dotted key, as ``--set`` of ``tlbench run`` takes it."""
    found: list[tuple[str, str]] = []

    def visit(key: str, value: Any) -> None:
        if isinstance(value, dict) and value:
            for name, part in value.items():
                visit(f"{key}.{name}" if key else name, part)
        elif key not in ("title", "description"):
            found.append((key, json.dumps(value, ensure_ascii=False)))

    visit("", settings)
    return found
