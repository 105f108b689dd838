"""What a report says, as plain data: sections of paragraphs, tables, sentences and figures.

Sections are made by `tlbench.report.sections` from results; `tlbench.report.html`,
`tlbench.report.markdown` and the terminal show them.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pkgutil import resolve_name
from typing import Any, ClassVar

Lines = list[list[str]]
"""The lines of a table as text, the header first."""

_NUMBER = re.compile(r"[\W_]*\d")


def text_columns(lines: Lines) -> frozenset[int]:
    """Return the columns of a table that hold words: no cell is a number, and one is not empty."""
    columns = zip(*lines[1:], strict=True)
    return frozenset(
        n
        for n, cells in enumerate(columns)
        if any(any(map(str.isalpha, cell)) for cell in cells) and not any(map(_NUMBER.match, cells))
    )


Draw = Callable[[], Any]
"""Returns a figure of plotly; called only where figures are shown."""


def drawing(function: str, *arguments: Any) -> Draw:
    """Return what draws a figure without importing plotly before it is drawn.

    Parameters
    ----------
    function
        In this package, as ``"figures:learning_curves"``.
    """
    return partial(_draw, function, *arguments)


def _draw(function: str, *arguments: Any) -> Any:
    return resolve_name(f"tlbench.report.{function}")(*arguments)


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes
    ----------
    lines
        The header, then the lines.
    note
        What its numbers and signs mean.
    wide, narrow
        The same numbers in many and in few columns, where there are two ways to show them.
    folded
        Whether a page shows it on demand only.
    brief
        Whether a summary has it, too; a summary leaves out what a page says in more detail.
    """

    kind: ClassVar[str] = "table"

    title: str
    lines: Lines
    note: str = ""
    wide: Lines = field(default_factory=list)
    narrow: Lines = field(default_factory=list)
    folded: bool = False
    brief: bool = True

    @property
    def n_rows(self) -> int:
        """Lines below the header."""
        return max(len(self.lines) - 1, 0)


@dataclass(frozen=True)
class Sentences:
    """What tables and figures say, in words."""

    kind: ClassVar[str] = "sentences"

    sentences: Sequence[str]
    title: str = "In words"


@dataclass(frozen=True)
class Figure:
    """A figure, or several of which one is shown at a time.

    Attributes
    ----------
    name
        Identifier, unique in a page.
    note
        How to read it.
    cases
        What a figure is of → how it is drawn.
    """

    kind: ClassVar[str] = "figure"

    name: str
    title: str
    note: str
    cases: Mapping[str, Draw]


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of text, which may end in the name of a file beside the page, with a link."""

    kind: ClassVar[str] = "paragraph"

    text: str
    file: str = ""


Block = Table | Sentences | Figure | Paragraph


@dataclass(frozen=True)
class Section:
    """A part of a report.

    Attributes
    ----------
    name
        Identifier, unique in a page.
    blocks
        What it holds, in the order in which it is read. Empty tables, lists and figures are left
        out.
    """

    name: str
    title: str
    blocks: Sequence[Block] = field(default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "blocks", tuple(filter(_has_content, self.blocks)))

    @property
    def repeated_notes(self) -> frozenset[int]:
        """The positions of tables whose note an earlier table, in full view, has said."""
        first: dict[str, int] = {}
        for n, block in enumerate(self.blocks):
            if isinstance(block, Table) and not block.folded:
                first.setdefault(block.note, n)
        return frozenset(
            n
            for n, block in enumerate(self.blocks)
            if isinstance(block, Table) and first.get(block.note, n) < n
        )

    @property
    def tables(self) -> list[Table]:
        """The tables, in order."""
        return [block for block in self.blocks if isinstance(block, Table)]

    @property
    def figures(self) -> list[Figure]:
        """The figures, in order."""
        return [block for block in self.blocks if isinstance(block, Figure)]

    @property
    def sentences(self) -> list[str]:
        """All findings in words."""
        found = (block.sentences for block in self.blocks if isinstance(block, Sentences))
        return [sentence for some in found for sentence in some]

    def without(self, *kinds: type[Block]) -> "Section":
        """Return the section without blocks of some kinds."""
        kept = [block for block in self.blocks if not isinstance(block, kinds)]
        return Section(self.name, self.title, kept)


def _has_content(block: Block) -> bool:
    match block:
        case Table():
            return block.n_rows > 0
        case Sentences():
            return bool(block.sentences)
        case Figure():
            return bool(block.cases)
        case Paragraph():
            return bool(block.text)


def lines_of(rows: Iterable[Mapping[str, str]]) -> Lines:
    """Return a table of ``rows``, each title → cell; a dash where one of them has no cell."""
    rows = list(rows)
    titles = list(dict.fromkeys(title for row in rows for title in row))
    return [titles, *([row.get(title, "–") for title in titles] for row in rows)]


def pivot(
    title: str,
    rows: Iterable[Any],
    columns: Iterable[Any],
    cells: Mapping[tuple[Any, Any], str],
    names: tuple[Callable[[Any], str], Callable[[Any], str]] = (str, str),
) -> Lines:
    """Return a table with one line for each of ``rows``, a dash where there is no cell.

    Parameters
    ----------
    title
        Of the first column.
    cells
        (Row, column) → text.
    names
        Texts of a row and of a column.
    """
    columns = list(columns)
    row_name, column_name = names
    return [
        [title, *map(column_name, columns)],
        *([row_name(row), *(cells.get((row, c), "–") for c in columns)] for row in rows),
    ]
