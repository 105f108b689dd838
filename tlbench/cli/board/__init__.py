"""``tlbench board``: the leaderboard; one file for each verb, and one for the site."""

import typer

from tlbench.cli.board import add, site, verify

app = typer.Typer(no_args_is_help=True, help="Submit to the leaderboard, verify it, show it.")
app.command("add")(add.add)
app.command("verify")(verify.verify)
app.command("build")(site.build)
app.command("serve")(site.serve)
