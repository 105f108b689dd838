"""``tlbench store export``: put finished jobs into a file."""

from pathlib import Path
from typing import Annotated

import typer

from tlbench.cli.options import StoreFolder
from tlbench.cli.store.opening import jobs_text, open_store, progress, size_text


def export(
    file: Annotated[
        Path, typer.Argument(help="Archive to write, .tar or .tar.gz; it replaces an older one.")
    ],
    plan: Annotated[
        list[str] | None,
        typer.Option(help="Only the jobs of this plan; repeatable.", show_default="all"),
    ] = None,
    store: StoreFolder = None,
) -> None:
    """Write finished jobs and plans into one FILE, for tlbench store import elsewhere."""
    from tlbench.engine.store.archive import export as write
    from tlbench.engine.store.plans import find_plan, plan_files

    opened = open_store(store, read_only=True)
    plans = sorted({find_plan(opened, name) for name in plan}) if plan else plan_files(opened)
    with progress("Writing …") as on_change:
        done = write(opened, file, plans, bool(plan), on_change)
    typer.echo(f"{file}: {jobs_text(done.jobs)}, {size_text(file.stat().st_size)}.")
    if done.missing:
        typer.echo(f"{jobs_text(done.missing)} of the plans are not finished yet.")
