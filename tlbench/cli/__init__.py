"""The command line: one file per verb."""

import sys

import typer

from tlbench.cli import ls, run, show
from tlbench.errors import TlbenchError

app = typer.Typer(
    name="tlbench",
    help="Benchmark transfer learning of interatomic potentials across chemical elements.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("run")(run.run)
app.command("ls")(ls.ls)
app.command("show")(show.show)


def main() -> None:
    """Run the command line; a user's mistake ends in one sentence and exit code 2."""
    try:
        app()
    except TlbenchError as error:
        sys.stderr.write(f"tlbench: {error}\n")
        sys.exit(2)
