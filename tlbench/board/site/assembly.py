"""Every file of the site, without the submissions that cannot be shown.

Submissions come from many people, and each is shown beside others: whatever goes wrong in a table,
on a page or in a figure, the submission that causes it is found and left out, and the rest is made
without it. That something went wrong is a fault of tlbench and is called one, because what a
submission should not hold is found when it is verified.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tlbench.base.errors import printable
from tlbench.board.site.boards import Member, boards_of
from tlbench.board.site.exports import board_csv, board_json
from tlbench.board.site.headline import Published
from tlbench.board.site.overview import overview_table
from tlbench.board.site.pages import Writer, board_pages, front_pages
from tlbench.board.site.rows import board_rows

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
        return "/".join(_name(self.revisions[0]))

    @property
    def reason(self) -> str:
        """Why it is not shown, as half a sentence."""
        name = type(self.error).__name__
        return f"cannot be shown because of an internal error ({name}); please report it"

    def __str__(self) -> str:
        text = printable(str(self.error))[:LONGEST]
        return (
            f"{self.label} cannot be shown because of an internal error of tlbench "
            f"({type(self.error).__name__}: {text}); please report it."
        )


@dataclass(frozen=True)
class Site:
    """The content of a site.

    Attributes
    ----------
    members
        Submissions that have a page, older revisions among them.
    files
        Path below the site → content of every page, and of the files beside it.
    overview
        The table for the front page of a repository.
    """

    published: list[Published]
    members: list[Member]
    files: dict[str, bytes]
    overview: str
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True)
class Assembly:
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

    def site(self, members: Iterable[Member]) -> Site:
        """Return the site of all submissions that can be shown; nothing links to the others.

        Raises
        ------
        Exception
            Whatever goes wrong without any submission.
        """
        by_name: dict[tuple[str, str], Revisions] = defaultdict(list)
        for member in members:
            by_name[_name(member)].append(member)
        every = list(by_name.values())
        together = self._attempt(every)
        return together if isinstance(together, Site) else self._site(*self._without_faulty(every))

    def _without_faulty(self, every: list[Revisions]) -> tuple[list[Revisions], list[Failure]]:
        """Return the submissions that can be shown together, and those that prevent it.

        Those are the submissions that cannot be shown alone; then the one without which the others
        can, the least checked if there are several; and if it takes more than one, all that cannot
        be shown beside better checked ones.
        """
        alone = [(each, self._attempt([each])) for each in every]
        failures = [Failure(each, found) for each, found in alone if isinstance(found, Exception)]
        rest = sorted((each for each, found in alone if isinstance(found, Site)), key=_precedence)
        together = self._attempt(rest)
        if isinstance(together, Site):
            return rest, failures
        for each in reversed(rest):
            others = [other for other in rest if other is not each]
            if isinstance(self._attempt(others), Site):
                return others, [*failures, Failure(each, together)]
        kept: list[Revisions] = []
        for each in rest:
            found = self._attempt([*kept, each])
            if isinstance(found, Site):
                kept.append(each)
            else:
                failures.append(Failure(each, found))
        return kept, failures

    def _attempt(self, some: list[Revisions]) -> Site | Exception:
        """Return the site of some submissions, or what goes wrong."""
        try:
            return self._site(some)
        except Exception as error:
            return error

    def _site(self, some: list[Revisions], failures: Sequence[Failure] = ()) -> Site:
        writer = Writer(self.private)
        members = [member for revisions in some for member in revisions]
        published = [Published(board, board_rows(board)) for board in boards_of(members)]
        left_out = [
            *((label, "failed its verification") for label in self.refused),
            *((each.label, each.reason) for each in failures),
        ]
        pages = dict(front_pages(writer, published, left_out))
        by_name = {_name(revisions[0]): revisions for revisions in some}
        for each in published:
            own = [one for newest in each.board.members for one in by_name[_name(newest)]]
            pages.update(board_pages(writer, each, published, own))
        pages["board.json"] = board_json(published, self.private)
        pages["board.csv"] = board_csv(published)
        files = {path: text.encode() for path, text in pages.items()}
        return Site(published, members, files, overview_table(published), list(failures))


def _name(member: Member) -> tuple[str, str]:
    return member.entry.about.suite, member.entry.about.name


def _precedence(revisions: Revisions) -> tuple[bool, int, int, str, str]:
    """Return the sort key of a submission: what was checked, and only then its stated day."""
    about = revisions[0].entry.about
    sound, trained, evaluated = max(member.trust.merit for member in revisions)
    return not sound, -trained, -evaluated, str(about.created), about.name
