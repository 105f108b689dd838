"""``tlbench store``: list, clean, verify and move finished jobs."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlbench.base.phrases import counted
from tlbench.cli.options import StoreFolder

if TYPE_CHECKING:
    from tlbench.engine.store.garbage import Piece
    from tlbench.engine.store.store import Store

app = typer.Typer(
    no_args_is_help=True, help="Look after finished jobs: list, clean, verify, move them."
)


@app.command("ls")
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
    from tlbench.engine.store.inventory import list_kinds, list_plans, size_of

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
            out.print()
            say(f"{len(found)} {what}, {size_text(sum(map(size_of, found)))}", out)


SORTS = {
    "plan": "plans to drop, those that other code was planned with among them",
    "job": "finished jobs of no plan",
    "working": "unfinished jobs that no plan has any more",
    "damaged": "damaged jobs that were set aside",
    "part": "files half written",
    "incoming": "broken imports",
    "removed": "broken deletions",
}


@app.command("gc")
def gc(
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete it; otherwise only say what would go.")
    ] = False,
    drop: Annotated[
        list[str] | None,
        typer.Option(metavar="PLAN", help="Forget this plan, so that its jobs go; repeatable."),
    ] = None,
    store: StoreFolder = None,
) -> None:
    """Delete the jobs that no plan in the store needs, and what crashes left over.

    Plans come from tlbench run and from tlbench plan SUITE --save; tlbench store ls lists them.
    Of a suite that was planned again after the code had changed, the older plan goes.
    Whatever a plan needs stays, and so do jobs that are being run.
    """
    from tlbench.engine.store.garbage import collect, find_garbage
    from tlbench.engine.store.plans import find_plan

    # Not even tried out by writing: on a full disk this is what makes room.
    opened = open_store(store, read_only=True)
    dropped = {find_plan(opened, name) for name in drop or []}
    if not delete:
        pieces = find_garbage(opened, dropped)
        _print_pieces(pieces, "To delete:")
        if pieces:
            typer.echo("Nothing is deleted yet; add --delete to do it.")
        return
    with progress("Deleting …") as on_change:
        done = collect(opened, dropped, on_change)
    _print_pieces(done.removed, "Deleted:")
    if done.busy is not None:
        typer.echo(
            f"The job {done.busy[:12]}, which is in no plan that stays, is being run; until it is "
            "done, plans and finished jobs are left alone. Try again later."
        )
    elif done.left:
        typer.echo(f"Left, being run: {counted(len(done.left), 'job')}.")


def _print_pieces(pieces: "list[Piece]", title: str) -> None:
    sizes: defaultdict[str, list[int]] = defaultdict(list)
    for piece in pieces:
        sizes[piece.sort].append(piece.size)
    if not pieces:
        typer.echo("Nothing to delete: everything is needed.")
        return
    typer.echo(title)
    for sort, text in SORTS.items():
        if sort in sizes:
            typer.echo(f"{len(sizes[sort]):>8}  {size_text(sum(sizes[sort])):>9}  {text}")
    typer.echo(f"{len(pieces):>8}  {size_text(sum(p.size for p in pieces)):>9}  together")


@app.command("verify")
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
        typer.echo(f"{counted(good, 'job')}, every byte as it was written.")
        return
    hint = (
        "" if set_aside else "; --set-aside moves these away, so that the next run does them again"
    )
    typer.echo(f"{counted(good, 'job')} as written, {len(damaged)} damaged{hint}.")
    raise typer.Exit(1)


@app.command("export")
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
    typer.echo(f"{file}: {counted(done.jobs, 'job')}, {size_text(file.stat().st_size)}.")
    if done.missing:
        typer.echo(f"{counted(done.missing, 'job')} of the plans are not finished yet.")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="Archive that tlbench store export wrote.")],
    max_gib: Annotated[
        int, typer.Option(min=1, help="Refuse an archive that unpacks to more, GiB.")
    ] = 100,
    store: StoreFolder = None,
) -> None:
    """Bring the finished jobs of FILE into the store; those that are already there are kept.

    Each file is compared with its digest before a job enters the store. That shows that nothing
    changed on the way; whether the sender computed it honestly, no digest can say.
    """
    from tlbench.engine.store.archive import import_archive
    from tlbench.engine.store.store import Store

    opened = Store(store_folder(store))
    with progress("Reading …") as on_change:
        done = import_archive(opened, file, max_gib << 30, on_change)
    typer.echo(f"{counted(done.added, 'job')} brought in, {done.present} already there.")
    if done.mended:
        mended = counted(done.mended, "job")
        typer.echo(f"{mended} of them replaced damaged ones, which were set aside.")
    if done.busy:
        typer.echo(f"Left out, being run here: {counted(done.busy, 'job')}.")


def open_store(folder: Path | None, read_only: bool = False) -> "Store":
    """Return the store in ``folder``, by default the user's own.

    Raises
    ------
    StoreError
        If there is none; only an import makes one.
    """
    from tlbench.base.errors import StoreError
    from tlbench.engine.store.store import Store

    root = store_folder(folder)
    if not (root / "store.json").exists():
        raise StoreError(f"There is no store in {root}; choose another with --store.")
    return Store(root, read_only)


def store_folder(folder: Path | None) -> Path:
    """Return the folder that the user chose, by default the user's own store."""
    if folder is not None:
        return folder
    from tlbench.run import default_store

    return default_store()


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar; yield a function that takes how much is done, and of how much."""
    import sys

    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def size_text(size: int) -> str:
    """Return a number of bytes for people: ``1.2 MB``."""
    from rich.filesize import decimal

    return decimal(size)
