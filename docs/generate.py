"""What the manual says of commands, the Python interface, names and results, made of the code."""

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from typer.main import get_command

import tlbench
from tlbench.board.reading import Entry, read_submission, submission_folders
from tlbench.data.cards import card_names, load_card
from tlbench.report.analysis import Analysis
from tlbench.report.markdown import section_text
from tlbench.report.outline import sections_of
from tlbench.report.wording import budget_note
from tlbench.study.changes import changes_of
from tlbench.study.loading import load_suite, suite_names

RESULTS = Path(__file__).parents[1] / "leaderboard" / "results"

SHOWN_METRICS = ("force_mae", "energy_mae")

IN_THE_REPORT = (
    "sections.conditions:conditions",
    "relations.section:relations",
    "sections.models:tuned_settings",
    "sections.costs:costs",
    "sections.models:source_models",
)
"""Sections that the page of results leaves to reports and the site of the board."""


def write(folder: Path) -> None:
    """Write every generated page into ``folder``."""
    folder.mkdir(exist_ok=True)
    pages = {
        "commands.md": commands(),
        "api.md": python_interface(),
        "names.md": names(),
        "results.md": results(RESULTS),
    }
    for name, text in pages.items():
        path = folder / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def commands() -> str:
    """Return every command of the command line with its arguments and options."""
    from tlbench.cli import app

    return "\n".join(_command(get_command(app), "tlbench"))


def _command(command: Any, name: str) -> Iterator[str]:
    """Yield a heading, usage, and a table of parameters, then those of the commands below it."""
    parameters = [each for each in command.params if not each.hidden and each.name != "help"]
    inner = getattr(command, "commands", {})
    if name.count(" "):
        yield f"## {name}\n"
        yield f"{inspect.cleandoc(command.help or '')}\n"
    if not inner:
        arguments = [_flags(each) for each in parameters if each.param_type_name == "argument"]
        yield f"```\n{' '.join([name, '[OPTIONS]', *arguments])}\n```\n"
    if name.count(" ") and parameters:
        lines = [["parameter", "meaning", "default"], *(_parameter(each) for each in parameters)]
        yield table(lines)
    for word, below in inner.items():
        yield from _command(below, f"{name} {word}")


def _parameter(parameter: Any) -> list[str]:
    default = parameter.show_default if isinstance(parameter.show_default, str) else None
    value = default or parameter.default
    shown = "" if callable(value) or value in (None, False, (), []) else str(value)
    if parameter.required:
        shown = "required"
    return [f"`{_flags(parameter)}`", " ".join((parameter.help or "").split()), shown]


def _flags(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    return ", ".join([*parameter.opts, *parameter.secondary_opts])


def table(lines: list[list[str]]) -> str:
    """Return a table of text that is Markdown already, and may hold vertical bars."""
    rows = [
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines
    ]
    return "\n".join([rows[0], "|" + " --- |" * len(lines[0]), *rows[1:]]) + "\n"


def python_interface() -> str:
    """Return directives that document each public name from its docstring."""
    found: dict[str, list[str]] = {"Functions": [], "Classes": [], "Registries": [], "Errors": []}
    for name in tlbench.__all__:
        thing = getattr(tlbench, name)
        place = f"tlbench.{name}"
        if isinstance(thing, tlbench.Registry):
            entries = ", ".join(f"`{each}`" for each in thing.names())
            found["Registries"].append(f"- `tlbench.{name}`: {entries}\n")
        elif not inspect.isclass(thing):
            found["Functions"].append(_directive("autofunction", place))
        elif issubclass(thing, Exception):
            found["Errors"].append(_directive("autoexception", place))
        else:
            found["Classes"].append(_directive("autoclass", place, members=True))
    return "\n".join(f"## {title}\n\n" + "\n".join(some) for title, some in found.items())


def _directive(kind: str, place: str, members: bool = False) -> str:
    options = "   :members:\n" if members else ""
    return f"```{{eval-rst}}\n.. {kind}:: {place}\n{options}```\n"


def names() -> str:
    """Return the tables of everything that has a name: suites, data sets, strategies, metrics."""
    strategies = [tlbench.STRATEGIES.get(name) for name in tlbench.STRATEGIES.names()]
    metrics = [tlbench.METRICS.get(name) for name in tlbench.METRICS.names()]
    readers = [(name, tlbench.READERS.get(name).summary) for name in tlbench.READERS.names()]
    potentials = [(n, tlbench.POTENTIALS.get(n).summary) for n in tlbench.POTENTIALS.names()]
    cards = [(name, load_card(name)) for name in card_names()]
    return "\n".join(
        [
            _listing("Suites", "what is run", ((n, load_suite(n).title) for n in suite_names())),
            _listing("Data sets", "what it holds", ((n, card.title) for n, card in cards)),
            _listing("Strategies", "what it does", ((s.name, s.summary) for s in strategies)),
            _listing(
                "Metrics", "definition", ((m.name, f"{m.summary} ({m.unit})") for m in metrics)
            ),
            _listing("Readers", "which files", readers),
            _listing("Published potentials", "origin", potentials),
        ]
    )


def _listing(title: str, head: str, entries: Iterable[tuple[str, str]]) -> str:
    lines = [["name", head], *([f"`{name}`", text] for name, text in entries)]
    return f"## {title}\n\n{table(lines)}"


def results(folder: Path) -> str:
    """Return tables and findings of the submissions below ``folder``.

    Of each suite these are the ones of the newest version that has any.
    """
    entries = [read_submission(each) for each in submission_folders(folder)]
    newest: dict[str, int] = {}
    for entry in entries:
        newest[entry.suite.name] = max(entry.suite.version, newest.get(entry.suite.name, 0))
    shown = [entry for entry in entries if entry.suite.version == newest[entry.suite.name]]
    return "\n".join(submission_text(entry) for entry in shown)


def submission_text(entry: Entry) -> str:
    """Return what a submission shows: its budget, main tables, findings and simulations."""
    suite, about = entry.suite, entry.about
    metrics = tuple(m for m in suite.error_metrics if m in SHOWN_METRICS)
    # Intervals allow for the choice of test structures, which these files hold.
    measured = replace(entry.results, errors=entry.errors(), tests=entry.tests())
    sections = sections_of(Analysis(measured, suite, metrics), IN_THE_REPORT)
    head = [
        f"## {suite.title}: {suite.name}, version {suite.version}",
        " ".join(description_of(entry).split()),
        budget_note(suite, suite.tuned is not None),
        f"Submission `{about.folder}` of {about.created}, by {', '.join(about.authors)}.",
    ]
    blocks = [*head, *(block for section in sections for block in section_text(section))]
    return "\n\n".join(block.strip() for block in blocks if block.strip()) + "\n"


def description_of(entry: Entry) -> str:
    """Return what the suite is said to be today, or which of its settings a run has changed.

    A suite of an earlier version is what it was said to be then.
    """
    suite = entry.suite
    shipped = load_suite(suite.name) if suite.name in suite_names() else suite
    if shipped.version != suite.version:
        return suite.description
    if changed := dict.fromkeys(each.key for each in changes_of(entry.study)):
        return f"The suite with other settings: {', '.join(changed)}."
    return shipped.description
