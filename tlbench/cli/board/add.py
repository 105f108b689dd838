"""``tlbench board add``: turn a run into a submission."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tlbench.base.phrases import counted
from tlbench.cli.board.location import BoardFolder, Private, Results, place_of
from tlbench.cli.options import StoreFolder


def add(
    run: Annotated[Path, typer.Argument(help="Folder that tlbench run left, such as runs/quick.")],
    name: Annotated[
        str | None,
        typer.Option(
            help="Name of the submission: small letters, digits and . _ -",
            show_default="the date",
        ),
    ] = None,
    authors: Annotated[
        list[str] | None, typer.Option("--authors", help="Who submits it; repeatable.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Where to read more, as https://example.org/paper.")
    ] = None,
    results: Results = None,
    private: Private = False,
    board: BoardFolder = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="Also copy the trained models here, to be supplied for --rerun."),
    ] = None,
    store: StoreFolder = None,
) -> None:
    """Turn the finished run in RUN into a submission, verified before it appears.

    Submissions are never changed: where there is one of this name, a revision is added.

    With --private it goes to a private board, and may be of data of your own, whatever their
    licence.
    """
    from tlbench.board.adding import Who, add_run, copy_weights
    from tlbench.run import default_store

    chosen = store or default_store()
    who = Who(name or datetime.now(UTC).date().isoformat(), authors or (), url)
    place = place_of(private, board, results)
    entry, verdict = add_run(run, place.results, chosen, who, place.private)
    kind = " (private)" if place.private else ""
    typer.echo(
        f"{entry.folder}{kind}: {verdict.recomputed} numbers, all recomputed from what it holds."
    )
    for note in verdict.notes:
        typer.echo(f"  note: {note}")
    if weights is not None:
        count = copy_weights(entry, chosen, weights)
        typer.echo(f"{weights}: the weights of {counted(count, 'model')}.")
