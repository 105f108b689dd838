"""``tlbench board serve``: show the site on this machine."""

from pathlib import Path
from typing import Annotated

import typer


def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for any free one.")] = 8000,
    site: Annotated[Path, typer.Option(help="Folder of the site.")] = Path("leaderboard/site"),
) -> None:
    """Show the site in a browser on this machine, until Ctrl-C."""
    from tlbench.leaderboard.site.serving import server_of

    with server_of(site, port) as server:
        typer.echo(f"http://{server.server_address[0]!s}:{server.server_port}/ (Ctrl-C ends it)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            typer.echo("")
