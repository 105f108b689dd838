"""``tlbench board``: the leaderboard; one file per verb."""

import typer

from tlbench.cli.board import add, build, serve, verify

app = typer.Typer(no_args_is_help=True, help="Submit to the leaderboard, verify it, show it.")
app.command("add")(add.add)
app.command("verify")(verify.verify)
app.command("build")(build.build)
app.command("serve")(serve.serve)
