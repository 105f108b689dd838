"""``tlbench data fetch``: bring the files of a data set onto this machine."""

from typing import Annotated

import typer

from tlbench.cli.options import Mirror


def fetch(
    name: Annotated[str, typer.Argument(help="Name of a data set (tlbench ls datasets) or card.")],
    mirror: Mirror = None,
) -> None:
    """Fetch the files of data set NAME, verify their digests, and say where they are."""
    from rich.progress import Progress

    from tlbench.data.cards import load_card
    from tlbench.data.fetch import fetch as bring

    card = load_card(name)
    if not card.data_files():
        how = "comes with tlbench" if card.origin.is_fixed else "is sampled by tlbench itself"
        typer.echo(f"{card.name} {how}; there is nothing to fetch.")
        return
    with Progress(transient=True) as progress:
        files = card.data_files()
        tasks = {key: progress.add_task(key, total=file.bytes) for key, file in files.items()}
        places = bring(card, mirror, lambda key, done: progress.update(tasks[key], completed=done))
    for path in places.values():
        typer.echo(path)
