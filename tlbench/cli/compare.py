"""``tlbench compare``: two runs side by side."""

from pathlib import Path
from typing import Annotated

import typer

from tlbench.cli.options import JsonFile, MarkdownFile


def compare(
    run_a: Annotated[Path, typer.Argument(help="Folder of a run, or a baseline file.")],
    run_b: Annotated[Path, typer.Argument(help="The run that is compared with it.")],
    json: JsonFile = None,
    markdown: MarkdownFile = None,
) -> None:
    """Show how RUN_B differs from RUN_A, pair by pair, with 95 % intervals from three pairs on.

    Numbers are paired by data, backbone, strategy, size, seeds, metric and condition. "better" and
    "worse" hold for each line by itself; tlbench check judges all of them together.
    """
    from tlbench.cli.tables import console, drawn, say, write_output
    from tlbench.regression.comparison import compare as compared
    from tlbench.regression.numbers import read_numbers
    from tlbench.regression.pairing import pair_up

    found = compared(pair_up(read_numbers(run_a), read_numbers(run_b)))
    write_output(json, found.json)
    write_output(markdown, found.markdown)
    out = console()
    for title, lines in found.tables().items():
        out.print(drawn(lines, out.width, words=(0, 4), title=title))
    for remark in found.remarks():
        say(remark)
