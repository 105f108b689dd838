"""Text and tables on a terminal: words wrapped between words, names and numbers whole."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from tlbench.inspection.tables import Table

WITHOUT_TERMINAL = 120
"""Columns of a pipe or a log, which have no width of their own, unless COLUMNS says so."""


def stdout_console() -> "Console":
    """Return the console that standard output is."""
    import os
    import sys

    from rich.console import Console

    known = sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdecimal()
    return Console(width=None if known else WITHOUT_TERMINAL, highlight=False)


def write(console: "Console", text: str, style: str = "", indent: int = 0) -> None:
    """Print ``text`` in lines of the console's width; a word that is longer stays whole."""
    from textwrap import wrap

    from rich.text import Text

    from tlbench.errors import printable

    lines = wrap(
        printable(text),
        console.width,
        initial_indent=" " * indent,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    for line in lines:
        console.print(Text(line, style=style), soft_wrap=True)


def write_table(console: "Console", table: "Table") -> None:
    """Print a table and its note. Columns are as wide as their longest word, if need be."""
    from rich import box
    from rich.table import Table as Drawn
    from rich.text import Text

    from tlbench.errors import printable

    drawn = Drawn(box=box.SIMPLE_HEAD)
    columns = zip(table.header, *table.rows, strict=True)
    for number, (title, *cells) in enumerate(columns):
        words = number < table.n_words
        drawn.add_column(
            Text(printable(title)),
            justify="left" if words else "right",
            no_wrap=not words,
            min_width=_longest([title, *cells], words),
        )
    for row in table.rows:
        drawn.add_row(*[Text(printable(text)) for text in row])
    write(console, table.title, style="italic")
    console.print(drawn, crop=False, no_wrap=True, overflow="ignore")
    if table.note:
        write(console, table.note, style="dim", indent=1)
        console.print()


def _longest(cells: Sequence[str], words: bool) -> int:
    """Return the length of the longest word of a column of words, or of the longest number."""
    return max(len(word) for cell in cells for word in (cell.split() if words else [cell]) or [""])
