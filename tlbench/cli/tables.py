"""What verbs print and write: tables and sentences in which nothing is cut, and files."""

import os
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from textwrap import fill
from typing import Literal

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from tlbench.base.errors import printable
from tlbench.base.files import write_whole
from tlbench.base.phrases import duration as duration
from tlbench.base.writing import writing

Line = Sequence[str | Text]

PADDING = 2
UNLIMITED = 10_000
"""Columns of what has no width of its own, a pipe or a log: nothing is folded there."""


def console() -> Console:
    """Return the standard output, as wide as the terminal, or as the variable COLUMNS says."""
    known = sys.stdout.isatty() or _has_columns()
    return Console(width=None if known else UNLIMITED, highlight=False)


def _has_columns() -> bool:
    return os.environ.get("COLUMNS", "").isdecimal()


def say(text: str, out: Console | None = None, style: str = "", indent: int = 0) -> None:
    """Print a sentence: on a terminal broken between words, elsewhere on one line."""
    out = out or console()
    margin = " " * indent
    text = margin + printable(text)
    if out.is_terminal or _has_columns():
        # A path that is longer than a line stays in one piece, for the terminal to fold.
        text = fill(
            text,
            out.width,
            subsequent_indent=margin,
            break_long_words=False,
            break_on_hyphens=False,
        )
    out.print(Text(text, style=style), soft_wrap=True)


def drawn(
    lines: Sequence[Line],
    width: int,
    *,
    words: Collection[int] = (0,),
    title: str = "",
    header: bool = True,
) -> RenderableType:
    """Return a table in which no name and no number is cut.

    Columns of words are broken between words where the width asks for it. What does not fit even
    so is drawn as one block per row, a line for each cell.

    Parameters
    ----------
    lines
        Cells, the first line the column titles.
    width
        Columns of the terminal.
    words
        Numbers of the columns that hold words; the others hold numbers, and stay on one line.
    header
        Draw the column titles.
    """
    cells = [[_text(cell) for cell in line] for line in lines]
    room = width - PADDING * (len(lines[0]) - 1)
    columns = list(zip(*(cells if header else cells[1:]), strict=True))
    least = [
        max(_least(cell, number in words or (header and not n)) for n, cell in enumerate(column))
        for number, column in enumerate(columns)
    ]
    if sum(least) > room:
        return _blocks(cells, width, title)
    natural = [max(cell_len(cell.plain) for cell in column) for column in columns]
    table = Table(
        box=None,
        padding=(0, PADDING, 0, 0),
        pad_edge=False,
        show_header=header,
        header_style="dim",
        title=Text(title) if title else None,
        title_justify="left",
        title_style="bold",
    )
    for number, size in enumerate(_widths(natural, least, room)):
        side: Literal["left", "right"] = "left" if number in words else "right"
        table.add_column(cells[0][number], justify=side, width=size, overflow="fold")
    for line in cells[1:]:
        table.add_row(*line)
    return table


def fits(lines: Sequence[Line], width: int, words: Collection[int] = (0,)) -> bool:
    """Return whether a table is drawn as one, and not as a block per row."""
    return isinstance(drawn(lines, width, words=words), Table)


def write_output(path: Path | None, text: Callable[[], str]) -> None:
    """Write ``text()`` to ``path``, if there is one.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    if path is None:
        return
    with writing(path, "choose another file"):
        write_whole(path, text())


def _text(cell: str | Text) -> Text:
    return cell if isinstance(cell, Text) else Text(printable(cell))


def _least(cell: Text, broken: bool) -> int:
    """Return the least width of a cell, of which the words may be put below each other."""
    parts = cell.plain.split() if broken else [cell.plain]
    return max((cell_len(part) for part in parts), default=0)


def _widths(natural: list[int], least: list[int], room: int) -> list[int]:
    """Return widths of columns: the widest are narrowed first, none below its least width."""
    widths = list(natural)
    while sum(widths) > room:
        spare = [w - smallest for w, smallest in zip(widths, least, strict=True)]
        widths[max(range(len(widths)), key=lambda n: (spare[n] > 0, widths[n]))] -= 1
    return widths


def _blocks(lines: Sequence[Sequence[Text]], width: int, title: str) -> RenderableType:
    """Return a block per row, of column titles and cells."""
    blocks: list[RenderableType] = [Text(title, "bold")] if title else []
    names = max(cell_len(top.plain) for top in lines[0])
    for number, line in enumerate(lines[1:]):
        table = Table.grid(padding=(0, PADDING, 0, 0))
        table.add_column(style="dim", width=min(names, width // 2), overflow="fold")
        table.add_column(overflow="fold")
        for top, cell in zip(lines[0], line, strict=True):
            if cell.plain:
                table.add_row(top, cell)
        blocks += [Text(""), table] if number else [table]
    return Group(*blocks)
