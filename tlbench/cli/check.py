"""``tlbench check``: whether anything got worse since a baseline."""

from pathlib import Path
from typing import Annotated

import typer

from tlbench.cli.options import MarkdownFile


def check(
    run: Annotated[Path, typer.Argument(help="Folder that tlbench run has written.")],
    baseline: Annotated[Path, typer.Option(help="File that tlbench baseline has written.")],
    tolerance: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METRIC=VALUE",
            help="What may be lost, e.g. force_mae=0.1 for 10 %; repeatable.",
            show_default="see tlbench show metric NAME",
        ),
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Fail if any number changed at all.")
    ] = False,
    junit: Annotated[Path | None, typer.Option(help="File for the result as JUnit XML.")] = None,
    markdown: MarkdownFile = None,
) -> None:
    """Check RUN against a baseline: exit code 1 if anything got worse or is missing, else 0.

    Worse is what lost more than the tolerance of its metric and more than the noise between models
    explains, with 95 % confidence over everything that is compared at once.
    """
    from tlbench.cli.tables import say, write_output
    from tlbench.regression.check import check as checked
    from tlbench.regression.check import tolerances_of
    from tlbench.regression.numbers import read_baseline, read_run

    tolerances = tolerances_of(tolerance or [])
    found = checked(read_run(run), read_baseline(baseline), tolerances, exact)
    write_output(junit, found.junit)
    write_output(markdown, found.markdown)
    for sentence in found.sentences():
        say(sentence)
    if found.faults:
        raise typer.Exit(1)
