"""``tlbench store verify``: read every byte of every finished job."""

from typing import Annotated

import typer

from tlbench.cli.options import StoreFolder
from tlbench.cli.store.opening import jobs_text, open_store, progress


def verify(
    set_aside: Annotated[
        bool,
        typer.Option("--set-aside", help="Move damaged jobs away; the next run does them again."),
    ] = False,
    store: StoreFolder = None,
) -> None:
    """Read every file of every finished job and compare it with its digest.

    Exit code 1 if a job is damaged.
    """
    from tlbench.engine.store.inventory import scrub

    opened = open_store(store, read_only=not set_aside)
    keys = sorted(opened.finished())
    damaged = []
    with progress("Reading …") as on_change:
        for number, job in enumerate(scrub(opened, keys, set_aside), start=1):
            on_change(number, len(keys))
            if job.problem is not None:
                damaged.append(job)
    for job in damaged:
        fate = "" if job.fate == "left" else f" ({job.fate})"
        typer.echo(f"DAMAGED  {job.key[:12]}{fate}: {job.problem}")
    good = len(keys) - len(damaged)
    if not damaged:
        typer.echo(f"{jobs_text(good)}, every byte as it was written.")
        return
    hint = (
        "" if set_aside else "; --set-aside moves these away, so that the next run does them again"
    )
    typer.echo(f"{jobs_text(good)} as written, {len(damaged)} damaged{hint}.")
    raise typer.Exit(1)
