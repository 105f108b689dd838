"""The options that choose between the public board and a private one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tlbench.board.location import Place

Results = Annotated[
    Path | None,
    typer.Option(
        help="Folder of all submissions of the public board.", show_default="leaderboard/results"
    ),
]
Private = Annotated[
    bool, typer.Option("--private", help="The private board instead of the public one.")
]
BoardFolder = Annotated[
    Path | None,
    typer.Option(
        "--board",
        metavar="DIR",
        help="Folder of a private board; implies --private.",
        show_default="$TLBENCH_BOARD, or in the user's data folder",
    ),
]


def place_of(private: bool, board: Path | None, results: Path | None = None) -> "Place":
    """Return the board that the options mean.

    Raises
    ------
    InputError
        If they contradict each other.
    """
    from dataclasses import replace

    from tlbench.base.errors import InputError
    from tlbench.board.location import PUBLIC, private_place

    if not (private or board):
        return PUBLIC if results is None else replace(PUBLIC, results=results)
    if results is not None:
        raise InputError(
            "--results names a folder of the public board; name the private one with --board DIR."
        )
    return private_place(board)
