"""``tlbench ls``: list what there is."""

from typing import Annotated

import typer

from tlbench.cli.kinds import KINDS, Plural


def ls(kind: Annotated[Plural, typer.Argument(help="What to list.")]) -> None:
    """List what there is of one kind, and a sentence on each."""
    from rich.text import Text

    from tlbench.cli.tables import console, drawn

    (asked,) = (each for each in KINDS.values() if each.plural == kind)
    lines = [(Text(name, "bold"), summary) for name, summary in asked.entries()]
    out = console()
    out.print(drawn([(asked.plural, "summary"), *lines], out.width, words=(0, 1), header=False))
