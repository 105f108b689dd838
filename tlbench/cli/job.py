"""``tlbench job``: do one job, for schedulers that know nothing of tlbench."""

from typing import Annotated

import typer

from tlbench.cli.options import Device, Pythons, StoreFolder


def job(
    key: Annotated[str, typer.Argument(help="Key of the job, or how it begins.")],
    store: StoreFolder = None,
    device: Device = "auto",
    python: Pythons = None,
    time_limit: Annotated[
        str | None, typer.Option(metavar="TIME", help="Longest time, e.g. 90m or 4h.")
    ] = None,
    memory_limit: Annotated[
        float | None, typer.Option(metavar="GIB", help="Most memory of the job, GiB.")
    ] = None,
) -> None:
    """Do exactly one job of a plan that is in the store (tlbench plan SUITE --save).

    The jobs that it needs have to be done before. If another process is doing it, say which, and
    wait until that has ended. Exit code 0 says that the job is in the store.
    """
    from tlbench.base.errors import printable
    from tlbench.cli.resources import limits_of, pythons_of
    from tlbench.cli.tables import say
    from tlbench.engine.run.planned_job import do_job
    from tlbench.run import default_store

    outcome, label, took = do_job(
        key,
        store or default_store(),
        device,
        limits_of(time_limit, memory_limit),
        pythons_of(python),
        say,
    )
    label = printable(label)
    if outcome is not None:
        typer.echo(f"Failed: {label}: {outcome}")
        raise typer.Exit(1)
    typer.echo(
        f"{label}: " + ("is in the store already." if took is None else f"done in {took:.1f} s.")
    )
