"""``tlbench baseline``: keep a run's numbers to check later runs against."""

from pathlib import Path
from typing import Annotated

import typer


def baseline(
    run: Annotated[Path, typer.Argument(help="Folder that tlbench run has written.")],
    out: Annotated[Path, typer.Option(help="File for the baseline (JSON).")],
) -> None:
    """Write the numbers of RUN, and where they come from, to a file for tlbench check."""
    from tlbench.base.errors import printable
    from tlbench.base.phrases import counted
    from tlbench.cli.tables import write_output
    from tlbench.regression.numbers import baseline_text, make_baseline

    made = make_baseline(run)
    write_output(out, lambda: baseline_text(made))
    suite = f"{printable(made.suite)} (version {made.suite_version})"
    typer.echo(f"{out}: {counted(len(made.records), 'number')} of the suite {suite}.")
