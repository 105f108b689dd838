"""``tlbench store gc``: delete what nobody needs."""

from collections import defaultdict
from typing import TYPE_CHECKING, Annotated

import typer

from tlbench.cli.options import StoreFolder
from tlbench.cli.store.opening import jobs_text, open_store, progress, size_text

if TYPE_CHECKING:
    from tlbench.engine.store.garbage import Piece

SORTS = {
    "plan": "plans to drop, those that other code was planned with among them",
    "job": "finished jobs of no plan",
    "working": "unfinished jobs that no plan has any more",
    "damaged": "damaged jobs that were set aside",
    "part": "files half written",
    "incoming": "broken imports",
    "removed": "broken deletions",
}


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
    Whatever a plan needs stays, and so does whatever somebody works on.
    """
    from tlbench.engine.store.garbage import collect, find_garbage
    from tlbench.engine.store.plans import find_plan

    # Not even tried out by writing: on a full disk this is what makes room.
    opened = open_store(store, read_only=True)
    dropped = {find_plan(opened, name) for name in drop or []}
    if not delete:
        pieces = find_garbage(opened, dropped)
        _print(pieces, "To delete:")
        if pieces:
            typer.echo("Nothing is deleted yet; add --delete to do it.")
        return
    with progress("Deleting …") as on_change:
        done = collect(opened, dropped, on_change)
    _print(done.removed, "Deleted:")
    if done.busy is not None:
        typer.echo(
            f"Somebody works on the job {done.busy[:12]}, which is in no plan that stays; until "
            "that is done, plans and finished jobs are left alone. Try again later."
        )
    elif done.left:
        typer.echo(f"Left to who works on them: {jobs_text(len(done.left))}.")


def _print(pieces: "list[Piece]", title: str) -> None:
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
