"""``tlbench data validate``: look for mistakes in a data set or a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tlbench.cli.options import Mirror, StoreFolder

if TYPE_CHECKING:
    from tlbench.inspection.collection import Collection
    from tlbench.inspection.validation import Validation

MAX_LINES = 50


def validate(
    data: Annotated[
        str, typer.Argument(metavar="FILE|CARD", help="Data file, card file, or name of a card.")
    ],
    mirror: Mirror = None,
    store: StoreFolder = None,
    reader: Annotated[
        str | None, typer.Option(help="Format of FILE.", show_default="by its ending")
    ] = None,
) -> None:
    """Look for mistakes in FILE or CARD; exit code 1 if there are errors.

    Labels that are missing or no numbers, overlapping atoms, flat cells, forces that do not add up
    to zero, copies (also turned, mirrored, shifted or renumbered), frames that stand in two parts,
    foreign elements, and units that do not belong together.
    """
    from rich.console import Console

    from tlbench.inspection.validation import validate_collection

    with Console(stderr=True).status("Reading …") as status:
        collection = _collect(data, mirror, store, reader, status)
        found = validate_collection(collection, lambda what: status.update(f"Checking {what} …"))
    _print(found)
    if found.count("error"):
        raise typer.Exit(1)


def _collect(
    data: str, mirror: Path | None, store: Path | None, reader: str | None, status: Any
) -> "Collection":
    """Return the frames of a card, or of a data file if ``data`` names one."""
    from tlbench.cli.data.describe import load_parts
    from tlbench.data.cards import is_path, load_card
    from tlbench.errors import InputError
    from tlbench.inspection.collection import from_card, from_file, from_parts

    path = Path(data)
    is_card = path.suffix in (".yaml", ".yml")
    if not is_card and (reader or path.is_file() or is_path(data) or path.suffix in READABLE):
        return from_file(path, reader)
    if reader:
        raise InputError(f"--reader {reader}: {data} is a card, which names its own reader.")
    card = load_card(data)
    if card.data_files():
        return from_card(card, mirror)
    return from_parts(load_parts(card, store, mirror, status), card.elements)


READABLE = (".extxyz", ".xyz", ".json")
"""Endings that no card's name has."""


def _print(found: "Validation") -> None:
    import sys

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # A pipe or a log has no width of its own.
    console = Console(width=None if sys.stdout.isatty() else 160)
    if found.findings:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for title in ("severity", "check", "frame"):
            table.add_column(title, no_wrap=title != "frame")
        table.add_column("finding")
        for finding in found.findings[:MAX_LINES]:
            table.add_row(
                Text(finding.severity, style="red" if finding.severity == "error" else "yellow"),
                Text(finding.check),
                Text(finding.frame),
                Text(finding.message),
            )
        console.print(table)
        if len(found.findings) > MAX_LINES:
            console.print(f"… and {len(found.findings) - MAX_LINES} more")
    for note in found.notes:
        console.print(Text(note), soft_wrap=True)
    console.print(Text(found.summary(), style="bold"))
