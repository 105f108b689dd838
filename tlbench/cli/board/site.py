"""``tlbench board build`` and ``tlbench board serve``: make the site, and show it."""

from pathlib import Path
from typing import Annotated

import typer

from tlbench.cli.board.location import BoardFolder, Private, Results, place_of


def build(
    results: Results = None,
    private: Private = False,
    board: BoardFolder = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the site; a site there is replaced.",
            show_default="leaderboard/site, or site in the folder of a private board",
        ),
    ] = None,
    readme: Annotated[
        list[Path] | None,
        typer.Option(
            help="Put the tables into this file: that of all suites between its comments board and "
            "end of board, that of the starts of a submission between starts SUITE/NAME and end of "
            "starts; repeatable.",
            show_default="no file",
        ),
    ] = None,
) -> None:
    """Make a static site of all submissions: a page for each suite and each submission.

    A submission that fails its verification, or cannot be shown, is left out and named, and so is a
    check record that does not fit; the exit code is then 1.
    """
    from tlbench.base.phrases import counted
    from tlbench.board.site.build import build_site

    place = place_of(private, board, results)
    site = out or place.site
    built = build_site(place.results, site, readme or (), place.private)
    for table, n_rows in built.boards:
        submissions = counted(len(table.members), "submission")
        rows = counted(n_rows, "row")
        typer.echo(f"{table.folder.removeprefix('suites/')}: {rows} of {submissions}")
    typer.echo(f"{site / 'index.html'}{' (private)' if place.private else ''}")
    for verdict in built.left_out:
        typer.echo(f"left out: {verdict.problems[0]}", err=True)
    for failure in built.failures:
        typer.echo(f"left out: {failure}", err=True)
    for problem in built.bad_checks:
        typer.echo(f"left out: {problem}", err=True)
    if built.left_out or built.failures or built.bad_checks:
        raise typer.Exit(1)


def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for any free one.")] = 8000,
    host: Annotated[
        str,
        typer.Option(help="Address to listen on; 0.0.0.0 shows the site to the network, too."),
    ] = "127.0.0.1",
    private: Private = False,
    board: BoardFolder = None,
    site: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the site.",
            show_default="leaderboard/site, or site in the folder of a private board",
        ),
    ] = None,
) -> None:
    """Show the site in a browser on this machine, until Ctrl-C.

    There are no passwords: everybody with an account on this machine can read the site,
    and with --host 0.0.0.0 everybody on its network.
    """
    from tlbench.board.location import is_private
    from tlbench.board.site.serving import server_of

    folder = site or place_of(private, board).site
    with server_of(folder, port, host) as server:
        kind = "private board, " if is_private(folder) else ""
        typer.echo(
            f"http://{server.server_address[0]!s}:{server.server_port}/ ({kind}Ctrl-C ends it)"
        )
        server.serve_forever()
