"""The table of boards for the front page of a repository."""

from collections.abc import Sequence
from pathlib import Path

from tlbench.base.errors import InputError
from tlbench.base.files import write_whole
from tlbench.board.site.boards import Kind
from tlbench.board.site.headline import Comparison, Published
from tlbench.report.markdown import markdown_table
from tlbench.report.wording import AT_THIS_BUDGET

START, END = "<!-- board -->", "<!-- end of board -->"

HEAD = [
    "suite",
    "transfer",
    "submissions",
    "budget",
    "arm",
    "forces / scratch",
    "energies / scratch",
    "pairs",
]


def overview_table(published: Sequence[Published]) -> str:
    """Return one line in Markdown for each board of a suite that tlbench ships.

    Those of superseded versions of these suites follow. The table is about the submissions of which
    no check has failed; a board without any has no line.
    """
    shipped = [each for each in published if each.board.kind is Kind.SHIPPED]
    superseded = [each for each in published if each.board.is_superseded]
    lines = [HEAD]
    for each in [*shipped, *superseded]:
        board, headline = each.board, each.headline
        beside = headline.beside
        ranges = {
            # The budget of a suite that has one says that errors are those at it.
            headline.noun: _range_text(headline),
            **({beside.noun: _range_text(beside, headline.claim)} if beside else {}),
        }
        if not board.sound:
            continue
        cells = [
            f"{board.suite.name}{board.mark}",
            headline.transfer,
            str(len(board.sound)),
            headline.budget,
            headline.arm,
            ranges.get("forces", "–"),
            ranges.get("energies", "–"),
            headline.pairs_text(),
        ]
        lines.append([cell.replace("|", "\\|") for cell in cells])
    return markdown_table(lines).replace("--:", "---")


def _range_text(comparison: Comparison, said: str = AT_THIS_BUDGET) -> str:
    """Return a range of ratios after what they compare, unless that has been ``said``."""
    if not comparison.ratios:
        return comparison.range_text()
    claim = "" if comparison.claim == said else f"{comparison.claim}: "
    return f"{claim}{comparison.range_text()}"


def check_readme(path: Path) -> str:
    """Return the text of a file that the table can be put into.

    Raises
    ------
    InputError
        If it cannot be read, or does not have both markers once, in order.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--readme {path}: cannot be read ({error}).") from error
    if text.count(START) != 1 or text.count(END) != 1 or text.index(START) > text.index(END):
        raise InputError(
            f"--readme {path}: put the lines {START} and {END} where the table should stand, once "
            "each; what is between them is replaced."
        )
    return text


def write_readme(path: Path, table: str) -> None:
    """Put the table between the markers of a file, which appears whole or not at all."""
    text = check_readme(path)
    before, after = text.partition(START)[0], text.partition(END)[2]
    write_whole(path, f"{before}{START}\n\n{table}\n{END}{after}")
