"""``tlbench board serve``: show the site on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from tlbench.cli.board.location import BoardFolder, Private, place_of


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
