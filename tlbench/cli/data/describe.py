"""``tlbench data describe``: what a data set holds."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tlbench.cli.options import Mirror, StoreFolder

if TYPE_CHECKING:
    from tlbench.data.cards import Card
    from tlbench.data.frames import Frames


def describe(
    name: Annotated[str, typer.Argument(help="Name of a data set (tlbench ls datasets) or card.")],
    mirror: Mirror = None,
    store: StoreFolder = None,
    cutoff: Annotated[
        float, typer.Option(min=0.5, max=20, help="Cutoff that cells are compared with, Å.")
    ] = 5.0,
    html: Annotated[
        Path | None, typer.Option(help="Page with plots.", show_default="runs/data/NAME.html")
    ] = None,
) -> None:
    """Show what data set NAME holds: counts, ranges, cell sizes; write a page with plots."""
    from rich.console import Console

    from tlbench.cli.data.layout import stdout_console, write, write_table
    from tlbench.data.cards import load_card
    from tlbench.inspection.page import write_page
    from tlbench.inspection.summary import describe_parts
    from tlbench.inspection.tables import tables

    card = load_card(name)
    page = html or Path("runs") / "data" / f"{card.name}.html"
    with _writing(page):
        page.parent.mkdir(parents=True, exist_ok=True)
    with Console(stderr=True).status(f"Getting {card.name} …") as status:
        parts = load_parts(card, store, mirror, status)
        status.update("Measuring …")
        description = describe_parts(parts, cutoff)
        status.update("Writing the page …")
        with _writing(page):
            write_page(page, card, parts, description)
    console = stdout_console()
    write(console, f"{card.name}: {card.title}", "bold")
    for table in tables(description):
        write_table(console, table)
    write(console, str(page))


@contextmanager
def _writing(page: Path) -> Iterator[None]:
    """Turn a failure to write into a sentence."""
    from tlbench.errors import InputError

    try:
        yield
    except OSError as error:
        raise InputError(
            f"{page}: cannot be written ({error.strerror}); choose another with --html."
        ) from error


def load_parts(
    card: "Card", store: Path | None, mirror: Path | None, status: Any
) -> "dict[str, Frames]":
    """Return the parts of a data set; while it is sampled, ``status`` shows how far it is."""
    from tlbench.engine.progress import read_progress
    from tlbench.plan import dataset_job
    from tlbench.run import load_dataset

    key = dataset_job(card).key

    def show(store: Any, report: Any) -> None:
        progress = read_progress(store, key)
        if progress and progress["total"]:
            share = progress["done"] / progress["total"]
            status.update(f"Getting {card.name} … {share:.0%}")

    return load_dataset(card, store, mirror, show)
