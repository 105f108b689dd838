"""The tables for the front page of a repository: of all boards, and of the starts of one run."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from tlbench.base.errors import InputError
from tlbench.base.phrases import listed
from tlbench.board.site.boards import Kind, Member
from tlbench.board.site.headline import CONVERGED, Published
from tlbench.board.site.starts_table import starts_table
from tlbench.report.markdown import markdown_table
from tlbench.report.wording import UNTUNED, tuning_label

START, END = "<!-- board -->", "<!-- end of board -->"
NOT_SHOWN = "not shown"

STARTS = re.compile(r"(<!-- starts (\S+) -->).*?(<!-- end of starts -->)", re.DOTALL)
"""Where the table of all starts of a submission, named SUITE/NAME, stands."""

HEAD = [
    "suite",
    "transfer",
    "arm",
    "updates",
    "forces / scratch",
    "energies / scratch",
    "pairs",
    "converged",
]


def overview_table(published: Sequence[Published]) -> str:
    """Return one line in Markdown for each suite that tlbench ships and that compares with scratch.

    Superseded versions of these suites follow, where the newest has no line. The table is about the
    submissions of which no check has failed; a board without any has no line. What all lines have
    in common of arm and convergence is stated once, above it.
    """
    compared = [each for each in published if each.board.sound and each.headline.is_compared]
    shipped = [each for each in compared if each.board.kind is Kind.SHIPPED]
    newest = {each.board.suite.name for each in shipped}
    superseded = [
        each
        for each in compared
        if each.board.is_superseded and each.board.suite.name not in newest
    ]
    lines = [_line(each) for each in [*shipped, *superseded]]
    common = {
        name: values.pop()
        for number, name in enumerate(HEAD)
        if name in ("arm", "converged") and len(values := {line[number] for line in lines}) == 1
    }
    kept = [number for number, name in enumerate(HEAD) if name not in common]
    table = markdown_table([[line[number] for number in kept] for line in [HEAD, *lines]])
    said = " ".join(_in_every_line(name, value) for name, value in common.items())
    return (said and f"{said}\n\n") + table.replace("--:", "---")


def _in_every_line(name: str, value: str) -> str:
    """Return the sentence that takes the place of a column whose cells are all the same."""
    if name == "arm":
        return f"The arm is {value} in every line."
    if value == NOT_SHOWN:
        return "Convergence is shown in no line."
    return f"Convergence of {value} is shown in every line."


def _line(each: Published) -> list[str]:
    suite, headline = each.board.suite, each.headline
    compared = [headline, *([headline.beside] if headline.beside else [])]
    ranges = {each.noun: each.range_text() for each in compared}
    tuning = tuning_label([member.entry.suite for member in each.board.sound])
    cells = [
        f"{suite.name}{each.board.mark}",
        headline.transfer,
        headline.arm if tuning == UNTUNED else f"{headline.arm}, {tuning}",
        f"{suite.target_budgets()[-1] or suite.training.updates:,}",
        ranges.get("forces", "–"),
        ranges.get("energies", "–"),
        headline.pairs_text(),
        listed(each.noun for each in compared if each.claim == CONVERGED) or NOT_SHOWN,
    ]
    return [cell.replace("|", "\\|") for cell in cells]


def check_readme(path: Path) -> str:
    """Return the text of a file that the table can be put into.

    Raises
    ------
    InputError
        If it cannot be read, has no markers of a table, or not both of the table of all boards once
        and in order.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--readme {path}: cannot be read ({error}).") from error
    marked = [found[0] for found in re.finditer(f"{START}|{END}", text)]
    if marked != [START, END] and (marked or not STARTS.search(text)):
        raise InputError(
            f"--readme {path}: put the lines {START} and {END} where the table should stand, once "
            "each; what is between them is replaced."
        )
    return text


def with_tables(path: Path, table: str, members: Iterable[Member]) -> str:
    """Return the text of a file with the tables put between its markers.

    Parameters
    ----------
    table
        That of all boards.
    members
        Submissions, of which markers may name some for tables of their starts.

    Raises
    ------
    InputError
        As `check_readme`; if a marker names no submission among these, or one that compares no
        starts.
    """
    text = check_readme(path)
    if START in text:
        before, after = text.partition(START)[0], text.partition(END)[2]
        text = f"{before}{START}\n\n{table}\n{END}{after}"
    entries = {member.entry.label: member.entry for member in members}

    def starts(found: re.Match[str]) -> str:
        if found[2] not in entries:
            raise InputError(f"--readme {path}: {found[1]} names no submission on the board.")
        return f"{found[1]}\n\n{starts_table(entries[found[2]])}\n{found[3]}"

    return STARTS.sub(starts, text)
