"""``tlbench board build``: make the site of the leaderboard."""

from pathlib import Path
from typing import Annotated

import typer


def build(
    results: Annotated[Path, typer.Option(help="Folder of submissions.")] = Path(
        "leaderboard/results"
    ),
    out: Annotated[Path, typer.Option(help="Folder of the site; a site there is replaced.")] = Path(
        "leaderboard/site"
    ),
    readme: Annotated[
        Path | None,
        typer.Option(
            help="Put the table into this file, between its comments board and end of board."
        ),
    ] = None,
) -> None:
    """Make a static site of all submissions: a page for each suite and each submission.

    A submission that fails its verification is left out and named, and so is a table that cannot
    be made of its submissions; the exit code is then 1.
    """
    from tlbench.leaderboard.site.build import build_site

    built = build_site(results, out, readme)
    for board, n_rows in built.boards:
        members = len(board.members)
        typer.echo(
            f"{board.folder.removeprefix('suites/')}: {n_rows} rows of {members} "
            f"submission{'s' if members != 1 else ''}"
        )
    typer.echo(f"{out / 'index.html'}")
    for verdict in built.left_out:
        typer.echo(f"left out: {verdict.problems[0]}", err=True)
    for failure in built.failures:
        typer.echo(f"left out: {failure}", err=True)
    if built.left_out or built.failures:
        raise typer.Exit(1)
