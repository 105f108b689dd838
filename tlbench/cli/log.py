"""``tlbench log``: the log of a job of a run."""

from typing import Annotated

import typer

from tlbench.cli.status import RunFolder


def log(
    run: RunFolder,
    job: Annotated[
        str, typer.Argument(help="Key of the job, how it begins, or part of its label.")
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print its events, one JSON object a line.")
    ] = False,
) -> None:
    """Print the log of a job, finished or not, with the traceback if it failed."""
    from tlbench.base.errors import InputError, printable
    from tlbench.engine.run.status import follow, log_of, pick
    from tlbench.engine.work.events import EVENTS, LOG

    followed = follow(run)
    found = pick(followed, job)
    path = log_of(followed, found.key, EVENTS if as_json else LOG)
    if path is None:
        raise InputError(f"{found.label}: has not been begun, so it has no log.")
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        typer.echo(printable(line))
