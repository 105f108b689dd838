"""``tlbench data describe``: what a data set holds."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tlbench.base.writing import writing
from tlbench.cli.options import Mirror, StoreFolder

if TYPE_CHECKING:
    from tlbench.data.cards import Card
    from tlbench.data.frames import Frames


def describe(
    name: Annotated[
        str,
        typer.Argument(
            metavar="FILE|CARD", help="Data file, card file, or name of a data set (ls datasets)."
        ),
    ],
    mirror: Mirror = None,
    store: StoreFolder = None,
    cutoff: Annotated[
        float, typer.Option(min=0.5, max=20, help="Cutoff that cells are compared with, Å.")
    ] = 5.0,
    html: Annotated[
        Path | None, typer.Option(help="Page with plots.", show_default="runs/data/NAME.html")
    ] = None,
) -> None:
    """Show what FILE or CARD holds: counts, ranges, cell sizes; write a page with plots."""
    from rich.console import Console

    from tlbench.cli.tables import console, drawn, say
    from tlbench.data.fetch import fetch
    from tlbench.data.inspection.statements import statements
    from tlbench.data.inspection.summary import describe_parts, tables
    from tlbench.report.inspection.page import write_page

    card, guessed = _meant(name)
    page = html or Path("runs") / "data" / f"{card.name}.html"
    remedy = "choose another with --html"
    with writing(page, remedy):
        page.parent.mkdir(parents=True, exist_ok=True)
    with Console(stderr=True).status(f"Getting {card.name} …") as status:
        parts = card.read(fetch(card)) if guessed else load_parts(card, store, mirror, status)
        stated = list(statements(card, parts))
        status.update("Measuring …")
        description = describe_parts(parts, cutoff)
        status.update("Writing the page …")
        with writing(page, remedy):
            write_page(page, card, parts, description)
    out = console()
    say(f"{card.name}: {card.title}", out, "bold")
    for sentence in (*guessed, *stated):
        say(sentence, out)
    for table in tables(description):
        say("", out)
        words = range(table.n_words)
        out.print(drawn([table.header, *table.rows], out.width, words=words, title=table.title))
        if table.note:
            say(table.note, out, "dim")
    say(str(page), out)


def _meant(name: str) -> "tuple[Card, tuple[str, ...]]":
    """Return the card called ``name``; of a data file a guessed one, and what was guessed."""
    import yaml

    from tlbench.data.cards import card_of, data_file, load_card
    from tlbench.data.entries import split_archive
    from tlbench.data.guess import guess_card

    path = data_file(name)
    archive = split_archive(path)[0] if path is not None else None
    if path is None or not (archive or path.is_file()):
        return load_card(name), ()
    folder = (archive or path).parent
    guess = guess_card(path, folder=folder)
    card = card_of(yaml.safe_load(guess.text), f"a card for {path}")
    card._folder = folder
    return card, tuple(guess.said)


def load_parts(
    card: "Card", store: Path | None, mirror: Path | None, status: Any
) -> "dict[str, Frames]":
    """Return the parts of a data set; while it is sampled, ``status`` shows how far it is."""
    from tlbench.engine.work.events import read_progress
    from tlbench.run import load_dataset
    from tlbench.study.plan import dataset_job

    key = dataset_job(card).key

    def show(store: Any, report: Any) -> None:
        progress = read_progress(store, key)
        if progress and progress["total"]:
            share = progress["done"] / progress["total"]
            status.update(f"Getting {card.name} … {share:.0%}")

    return load_dataset(card, store, mirror, show)
