"""``tlbench store import``: bring finished jobs from another machine."""

from pathlib import Path
from typing import Annotated

import typer

from tlbench.cli.options import StoreFolder
from tlbench.cli.store.opening import jobs_text, progress, store_folder


def import_(
    file: Annotated[Path, typer.Argument(help="Archive that tlbench store export wrote.")],
    max_gib: Annotated[
        int, typer.Option(min=1, help="Refuse an archive that unpacks to more, GiB.")
    ] = 100,
    store: StoreFolder = None,
) -> None:
    """Bring the finished jobs of FILE into the store; those that are there already are kept.

    Each file is compared with its digest before a job enters the store. That shows that nothing
    changed on the way; whether the sender computed it honestly, no digest can say.
    """
    from tlbench.engine.store.archive import import_archive
    from tlbench.engine.store.store import Store

    opened = Store(store_folder(store))
    with progress("Reading …") as on_change:
        done = import_archive(opened, file, max_gib << 30, on_change)
    typer.echo(f"{jobs_text(done.added)} brought in, {done.present} were there already.")
    if done.mended:
        typer.echo(f"{jobs_text(done.mended)} of them replaced damaged ones, which were set aside.")
    if done.busy:
        typer.echo(f"{jobs_text(done.busy)} left to who works on them.")
