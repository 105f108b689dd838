"""The command line: one file per verb."""

import shutil
import sys
import textwrap
from typing import Annotated, NoReturn

import typer

from tlbench.base.errors import TlbenchError, printable
from tlbench.base.legible import make_legible
from tlbench.cli import (
    advise,
    baseline,
    board,
    check,
    check_backbone,
    compare,
    data,
    doctor,
    import_checkpoint,
    job,
    log,
    ls,
    md,
    models,
    new,
    plan,
    properties,
    run,
    show,
    status,
    store,
    tune,
)

app = typer.Typer(
    name="tlbench",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


def _show_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"tlbench {version('tlbench')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", callback=_show_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Benchmark transfer learning of interatomic potentials across chemical elements."""


app.command("run")(run.run)
app.command("advise")(advise.advise)
app.command("plan")(plan.plan)
app.command("import")(import_checkpoint.import_checkpoint)
app.command("job")(job.job)
app.command("status")(status.status)
app.command("log")(log.log)
app.command("models")(models.models)
app.command("md")(md.md)
app.command("properties")(properties.properties)
app.command("tune")(tune.tune)
app.command("doctor")(doctor.doctor)
app.command("ls")(ls.ls)
app.command("show")(show.show)
app.command("compare")(compare.compare)
app.command("baseline")(baseline.baseline)
app.command("check")(check.check)
app.command("check-backbone")(check_backbone.check_backbone)
app.add_typer(board.app, name="board")
app.add_typer(data.app, name="data")
app.add_typer(new.app, name="new")
app.add_typer(store.app, name="store")


def main() -> None:
    """Run the command line; a user's mistake ends in one sentence and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        make_legible(stream)
    try:
        app()
    except TlbenchError as error:
        _complain(str(error))
    except RuntimeError as error:
        from tlbench.engine.work.gpu_errors import out_of_memory

        if (full := out_of_memory(error)) is None:
            raise
        _complain(f"{full[0].upper()}{full[1:]}.")
    except OSError as error:
        named = f"{error.filename}: " if error.filename else ""
        _complain(f"{named}{error.strerror or error}.")


def _complain(text: str) -> NoReturn:
    lines = [printable(line) for line in f"tlbench: {text}".split("\n")]
    if sys.stderr.isatty():
        # Programs and logs get a line for each sentence instead.
        width = shutil.get_terminal_size().columns
        wrapper = textwrap.TextWrapper(width, break_long_words=False, break_on_hyphens=False)
        lines = [wrapper.fill(line) for line in lines]
    sys.stderr.write("\n".join(lines) + "\n")
    sys.exit(2)
