"""Making boards with all their pages, so that one that cannot be made does not stop the others."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tlbench.leaderboard.site.boards import Board, Member, boards_of
from tlbench.leaderboard.site.pages import Published, Writer, board_pages, front_pages
from tlbench.leaderboard.site.pool import pool_of
from tlbench.leaderboard.site.rows import rows_of

Files = dict[str, bytes]
"""Path below the site → content."""
Revisions = dict[tuple[str, str], list[Member]]
"""(Suite, name of a submission) → all its revisions."""


@dataclass(frozen=True)
class Failure:
    """A board that could not be made."""

    board: Board
    error: Exception

    def __str__(self) -> str:
        names = ", ".join(member.name for member in self.board.members)
        return f"{self.board.folder} ({names}): {type(self.error).__name__}: {self.error}"


@dataclass(frozen=True)
class Made:
    """All boards that could be made.

    Attributes
    ----------
    members
        Submissions that have a page, older revisions among them.
    files
        Every page, and what stands beside it.
    """

    published: list[Published]
    members: list[Member]
    files: Files
    failures: list[Failure]


def make(members: Iterable[Member], private: bool = False) -> Made:
    """Make the boards of all submissions and their pages.

    Submissions come from strangers: whatever goes wrong with those of one board, it is left out
    with them, and nothing links to it. Every page of a ``private`` board says that it is one.
    """
    writer = Writer(private)
    revisions: Revisions = defaultdict(list)
    for member in members:
        revisions[_key(member)].append(member)
    some = [member for found in revisions.values() for member in found]
    published, failures = _published(boards_of(some))
    while True:
        files, failed = _files(writer, published, revisions)
        if not failed:
            break
        failures += failed
        # Again, without links to what is left out.
        left_out = {failure.board.folder for failure in failed}
        published = [each for each in published if each.board.folder not in left_out]
    files |= {path: text.encode() for path, text in front_pages(writer, published)}
    shown = [m for each in published for m in _revisions_of(each.board, revisions)]
    return Made(published, shown, files, failures)


def _published(boards: Iterable[Board]) -> tuple[list[Published], list[Failure]]:
    published, failures = [], []
    for board in boards:
        try:
            published.append(Published.of(board, rows_of(board, pool_of(board))))
        except Exception as error:
            failures.append(Failure(board, error))
    return published, failures


def _files(
    writer: Writer, published: Sequence[Published], revisions: Revisions
) -> tuple[Files, list[Failure]]:
    files: Files = {}
    failures = []
    for each in published:
        members = _revisions_of(each.board, revisions)
        try:
            pages = list(board_pages(writer, each, published, members))
            files |= {path: text.encode() for path, text in pages}
        except Exception as error:
            failures.append(Failure(each.board, error))
    return files, failures


def _revisions_of(board: Board, revisions: Revisions) -> list[Member]:
    return [member for newest in board.members for member in revisions[_key(newest)]]


def _key(member: Member) -> tuple[str, str]:
    return member.entry.about.suite, member.entry.about.name
