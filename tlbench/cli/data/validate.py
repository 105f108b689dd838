"""``tlbench data validate``: look for mistakes in a data set or a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tlbench.cli.options import Mirror, StoreFolder

if TYPE_CHECKING:
    from tlbench.data.inspection.collection import Collection
    from tlbench.data.inspection.validation import Validation

MAX_FINDINGS = 50


def validate(
    data: Annotated[
        str, typer.Argument(metavar="FILE|CARD", help="Data file, card file, or name of a card.")
    ],
    mirror: Mirror = None,
    store: StoreFolder = None,
    reader: Annotated[
        str | None, typer.Option(help="Format of FILE.", show_default="recognised by content")
    ] = None,
    every_frame: Annotated[
        bool,
        typer.Option("--every-frame", help="Do not merge the findings of frames."),
    ] = False,
) -> None:
    """Look for mistakes in FILE or CARD; exit code 1 if there are errors.

    Exit code 2 if the parts that CARD asks for cannot be made, so that no suite can use it.

    Labels that are missing or not numbers, overlapping atoms, flat cells, forces that do not add up
    to zero, single forces or energies far from the others, two energy references, copies (also
    turned, mirrored, shifted or renumbered), frames that are in two parts, foreign elements, and
    units that do not belong together. Alike findings are merged.
    """
    from rich.console import Console

    from tlbench.data.inspection.collection import SPLIT
    from tlbench.data.inspection.validation import validate_collection

    with Console(stderr=True).status("Reading …") as status:
        collection = _collect(data, mirror, store, reader, status)
        found = validate_collection(collection, lambda what: status.update(f"Checking {what} …"))
    _print(found, every_frame)
    if any(finding.check == SPLIT for finding in found.each):
        raise typer.Exit(2)
    if found.count("error"):
        raise typer.Exit(1)


def _collect(
    data: str, mirror: Path | None, store: Path | None, reader: str | None, status: Any
) -> "Collection":
    """Return the frames of a card, or of a data file if ``data`` names one."""
    from tlbench.base.errors import InputError
    from tlbench.cli.data.describe import load_parts
    from tlbench.data.cards import data_file, load_card
    from tlbench.data.inspection.collection import (
        from_card,
        from_file,
        from_parts,
        with_statements,
    )

    path = data_file(data)
    if path is not None:
        return from_file(path, reader)
    card = load_card(data)
    if reader:
        raise InputError(f"{data} is a card, which names its own reader; leave out --reader.")
    if card.data_files():
        return from_card(card, mirror)
    parts = load_parts(card, store, mirror, status)
    return with_statements(from_parts(parts, card.elements), card, parts)


def _print(found: "Validation", every_frame: bool) -> None:
    from tlbench.cli.tables import console, say

    out = console()
    shown = found.each if every_frame else found.findings[:MAX_FINDINGS]
    for finding in shown:
        style = "red" if finding.severity == "error" else "yellow"
        say(f"{finding.severity}  {finding.check}  {finding.frame}", out, style)
        say(finding.message, out, indent=2)
    left = len(found.findings) - len(shown)
    if left > 0:
        say(f"… and {left} more", out)
    if not every_frame and len(found.each) > len(shown):
        say("--every-frame lists the findings of each frame.", out, "dim")
    for note in found.notes:
        say(note, out)
    say(found.summary(), out, "bold")
