"""The table for the front page of a repository."""

from collections.abc import Sequence
from pathlib import Path

from tlbench.base.errors import InputError
from tlbench.base.files import write_whole
from tlbench.board.site.boards import Board, Kind
from tlbench.board.site.headline import Headline
from tlbench.report.markdown import markdown_table

START, END = "<!-- board -->", "<!-- end of board -->"


def overview_table(found: Sequence[tuple[Board, Headline]]) -> str:
    """Return one line in Markdown for each board of a suite that tlbench ships.

    It is about the submissions of which no check has failed; without any there is no line.
    """
    lines = [
        ["suite", "transfer", "submissions", "budget", "error / scratch at this budget", "pairs"]
    ]
    for board, headline in found:
        if board.kind is not Kind.SHIPPED or not board.sound:
            continue
        cells = [
            board.suite.name,
            headline.transfer,
            str(len(board.sound)),
            headline.budget,
            f"{headline.arm}: {headline.range_text()}" if headline.ratios else "–",
            headline.pairs_text(),
        ]
        lines.append([cell.replace("|", "\\|") for cell in cells])
    return markdown_table(lines).replace("--:", "---")


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
