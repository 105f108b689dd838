"""Making every file of the site, without the submissions that cannot be shown.

Submissions come from strangers, and each is shown beside others: whatever goes wrong in a table, on
a page or in a figure, the submission that causes it is found and left out, and the rest is made
without it. That something went wrong is a fault of tlbench and is called one, because what a
submission should not hold is found when it is verified.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from tlbench.errors import printable
from tlbench.leaderboard.site.boards import Member, boards_of
from tlbench.leaderboard.site.exports import board_csv, board_json
from tlbench.leaderboard.site.pages import Published, Writer, board_pages, front_pages
from tlbench.leaderboard.site.pool import pool_of
from tlbench.leaderboard.site.readme import overview_table
from tlbench.leaderboard.site.rows import rows_of

Files = dict[str, bytes]
"""Path below the site → content."""
Revisions = list[Member]
"""All revisions of one submission."""

LONGEST = 200
"""Characters of an error that are shown: it may quote a submission."""


@dataclass(frozen=True)
class Failure:
    """A submission that cannot be shown, with all its revisions."""

    revisions: Revisions
    error: Exception

    @property
    def label(self) -> str:
        """Suite and name of the submission."""
        about = self.revisions[0].entry.about
        return f"{about.suite}/{about.name}"

    def __str__(self) -> str:
        text = printable(str(self.error))[:LONGEST]
        return (
            f"{self.label} cannot be shown because of an internal error of tlbench "
            f"({type(self.error).__name__}: {text}); please report it."
        )


@dataclass(frozen=True)
class Made:
    """The site.

    Attributes
    ----------
    members
        Submissions that have a page, older revisions among them.
    files
        Every page, and what stands beside it.
    overview
        The table for the front page of a repository.
    """

    published: list[Published]
    members: list[Member]
    files: Files
    overview: str
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True)
class Maker:
    """Makes the site of some submissions.

    Attributes
    ----------
    private
        Whether every page says that it is of a private board.
    refused
        Submissions that failed their verification, which the front page names.
    """

    private: bool = False
    refused: Sequence[str] = ()

    @cached_property
    def _writer(self) -> Writer:
        return Writer(self.private)

    def make(self, members: Iterable[Member]) -> Made:
        """Make the site of all submissions that can be shown; nothing links to the others.

        Raises
        ------
        Exception
            Whatever goes wrong without any submission.
        """
        by_name: dict[tuple[str, str], Revisions] = defaultdict(list)
        for member in members:
            by_name[_name(member)].append(member)
        made = self._attempt(list(by_name.values()))
        if isinstance(made, Made):
            return made
        by_suite: dict[str, list[Revisions]] = defaultdict(list)
        for (suite, _), revisions in by_name.items():
            by_suite[suite].append(revisions)
        shown: list[Revisions] = []
        failures: list[Failure] = []
        for some in by_suite.values():
            good, bad = self._sorted_out(some)
            shown += good
            failures += bad
        shown, bad = self._sorted_out(shown)
        return self._site(shown, [*failures, *bad])

    def _sorted_out(self, some: list[Revisions]) -> tuple[list[Revisions], list[Failure]]:
        """Return the submissions that can be shown together, and those that prevent it.

        Those are the submissions that cannot be shown alone; then the one without which the others
        can, the least checked if there are several; and if it takes more than one, all that cannot
        be shown beside better checked ones.
        """
        together = self._attempt(some)
        if isinstance(together, Made):
            return some, []
        alone = [(each, self._attempt([each])) for each in some]
        failures = [Failure(each, made) for each, made in alone if isinstance(made, Exception)]
        rest = sorted((each for each, made in alone if isinstance(made, Made)), key=_precedence)
        together = self._attempt(rest)
        if isinstance(together, Made):
            return rest, failures
        for each in reversed(rest):
            others = [other for other in rest if other is not each]
            if isinstance(self._attempt(others), Made):
                return others, [*failures, Failure(each, together)]
        kept: list[Revisions] = []
        for each in rest:
            made = self._attempt([*kept, each])
            if isinstance(made, Made):
                kept.append(each)
            else:
                failures.append(Failure(each, made))
        return kept, failures

    def _attempt(self, some: list[Revisions]) -> Made | Exception:
        """Return the site of some submissions, or what goes wrong."""
        try:
            return self._site(some)
        except Exception as error:
            return error

    def _site(self, some: list[Revisions], failures: Sequence[Failure] = ()) -> Made:
        members = [member for revisions in some for member in revisions]
        published = [
            Published.of(board, rows_of(board, pool_of(board))) for board in boards_of(members)
        ]
        left_out = [
            *((label, "failed its verification") for label in self.refused),
            *((each.label, _internal(each.error)) for each in failures),
        ]
        pages = dict(front_pages(self._writer, published, left_out))
        by_name = {_name(revisions[0]): revisions for revisions in some}
        for each in published:
            own = [one for newest in each.board.members for one in by_name[_name(newest)]]
            pages.update(board_pages(self._writer, each, published, own))
        rows = [(each.board, each.rows) for each in published]
        pages["board.json"] = board_json(rows, self.private)
        pages["board.csv"] = board_csv(rows)
        files = {path: text.encode() for path, text in pages.items()}
        overview = overview_table([(each.board, each.headline) for each in published])
        return Made(published, members, files, overview, list(failures))


def _name(member: Member) -> tuple[str, str]:
    return member.entry.about.suite, member.entry.about.name


def _internal(error: Exception) -> str:
    return (
        f"cannot be shown because of an internal error ({type(error).__name__}); please report it"
    )


def _precedence(revisions: Revisions) -> tuple[bool, int, int, str, str]:
    """Return the sort key of a submission: what was checked, and only then its stated day."""
    about = revisions[0].entry.about
    sound, trained, evaluated = max(member.trust.merit for member in revisions)
    return not sound, -trained, -evaluated, str(about.created), about.name
