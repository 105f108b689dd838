"""``tlbench data``: get, look at, check and describe data sets; one file per verb."""

import typer

from tlbench.cli.data import describe, distances, fetch, new, validate

app = typer.Typer(no_args_is_help=True, help="Fetch, inspect, check and add data sets.")
app.command("fetch")(fetch.fetch)
app.command("describe")(describe.describe)
app.command("validate")(validate.validate)
app.command("new")(new.new)
app.command("distances")(distances.distances)
