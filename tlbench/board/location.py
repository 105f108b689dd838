"""Where a board is kept: the public one in the repository, a private one in a folder of its own."""

import os
from dataclasses import dataclass
from pathlib import Path
from stat import S_IMODE

import platformdirs

from tlbench.base.errors import InputError

VARIABLE = "TLBENCH_BOARD"
MARK = "PRIVATE"
"""File that marks the folder of a private board, and a site made from one."""

_NOTE = "This folder is part of a private board of tlbench. Its results are not for publication.\n"


@dataclass(frozen=True)
class Place:
    """The folders of a board: its submissions, and the site made from them."""

    results: Path
    site: Path
    private: bool = False


PUBLIC = Place(Path("leaderboard/results"), Path("leaderboard/site"))


def private_place(folder: Path | None = None) -> Place:
    """Return the private board in ``folder``, by default the user's own.

    That is the folder ``TLBENCH_BOARD``, or else one in the user's data directory.
    """
    chosen = folder or os.environ.get(VARIABLE) or platformdirs.user_data_path("tlbench") / "board"
    return Place(Path(chosen) / "results", Path(chosen) / "site", private=True)


def is_private(folder: Path) -> bool:
    """Return whether ``folder`` is marked as a private board, or as the site of one."""
    return (folder / MARK).is_file()


def mark_private(folder: Path) -> None:
    """Mark a folder as a private board, or as the site of one."""
    (folder / MARK).write_text(_NOTE, encoding="utf-8")


def make_private_board(folder: Path) -> None:
    """Make a private board, unless ``folder`` is one.

    A new folder is accessible to its owner alone, and git ignores its content.

    Raises
    ------
    InputError
        If ``folder`` holds something else, or cannot be made.
    """
    if is_private(folder):
        return
    try:
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700)
        if any(folder.iterdir()):
            raise InputError(
                f"{folder} holds something other than a private board; name a new or empty folder "
                "with --board."
            )
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")
        mark_private(folder)
    except OSError as error:
        raise InputError(
            f"{folder} cannot be made a private board ({error.strerror}); name another folder "
            f"with --board or {VARIABLE}."
        ) from error


def make_shared(folder: Path) -> None:
    """Make a folder of a private board with the permissions of its parent."""
    if not folder.exists():
        folder.mkdir()
        folder.chmod(S_IMODE(folder.parent.stat().st_mode))


def check_place(results: Path, private: bool) -> None:
    """Refuse a public board where a private one is meant, and the reverse.

    Parameters
    ----------
    results
        Folder of all submissions of the board.

    Raises
    ------
    InputError
        If the board is of the other kind.
    """
    folder = results.absolute().parent
    if private and not is_private(folder):
        raise InputError(
            f"There is no private board in {folder}; tlbench board add --private RUN makes one."
        )
    if not private and is_private(folder):
        raise InputError(
            f"{results} belongs to a private board; name it with --board {folder} instead of "
            "--results."
        )
