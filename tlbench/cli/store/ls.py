"""``tlbench store ls``: what is in a store."""

from typing import TYPE_CHECKING, Annotated

import typer

from tlbench.cli.options import StoreFolder
from tlbench.cli.store.opening import open_store, size_text

if TYPE_CHECKING:
    from tlbench.engine.store.store import Store


def ls(
    plan: Annotated[
        str | None,
        typer.Argument(help="With --jobs: only those of this plan.", show_default="all finished"),
    ] = None,
    jobs: Annotated[bool, typer.Option("--jobs", help="List every job.")] = False,
    store: StoreFolder = None,
) -> None:
    """List the plans in the store, its jobs by kind, and what was left over; or every job."""
    from tlbench.base.errors import InputError

    opened = open_store(store, read_only=True)
    if jobs:
        _print_jobs(opened, plan)
    elif plan is not None:
        raise InputError(f"To list the jobs of {plan!r}, add --jobs.")
    else:
        _print_summary(opened)


def _print_jobs(store: "Store", plan: str | None) -> None:
    from datetime import datetime

    from tlbench.base.errors import printable
    from tlbench.engine.store.inventory import list_jobs
    from tlbench.engine.store.plans import find_plan

    for job in list_jobs(store, find_plan(store, plan) if plan else None):
        when = f"{datetime.fromtimestamp(job.when):%Y-%m-%d %H:%M}" if job.when else "–"
        size = size_text(job.size) if job.size else "–"
        # One line at a time: there may be a hundred thousand.
        line = (
            f"{job.key[:12]}  {job.kind:<12}  {job.state:<11}  {size:>9}  {when:<16}  {job.label}"
        )
        typer.echo(printable(line.rstrip()))


def _print_summary(store: "Store") -> None:
    from tlbench.cli.tables import console, drawn, say
    from tlbench.engine.store.inventory import count_and_size, list_kinds, list_plans

    out = console()
    plans, kinds = list_plans(store), list_kinds(store)
    rows = [[p.name, p.suite, str(p.jobs), str(p.finished), p.problem or ""] for p in plans]
    titles = ["plan", "suite", "jobs", "finished", ""]
    out.print(drawn([titles, *(rows or [["none", "", "", "", ""]])], out.width, words=(0, 1, 4)))
    out.print()
    lines = [[k.kind, str(k.jobs), size_text(k.size)] for k in kinds]
    total = ["together", str(sum(k.jobs for k in kinds)), size_text(sum(k.size for k in kinds))]
    out.print(drawn([["kind", "finished", "size"], *lines, total], out.width))
    for what, name in (("unfinished", ".working"), ("damaged, set aside", ".damaged")):
        folder = store.root / name
        found = [p for p in folder.iterdir() if p.is_dir()] if folder.exists() else []
        if found:
            count, size = count_and_size(found)
            out.print()
            say(f"{count} {what}, {size_text(size)}", out)
