"""``tlbench data``: get, look at, check and describe data sets; one file per verb."""

import typer

from tlbench.cli.data import fetch, new

app = typer.Typer(no_args_is_help=True, help="Fetch, inspect, check and add data sets.")
app.command("fetch")(fetch.fetch)
app.command("new")(new.new)
