"""Submissions sorted into boards: those of one board may stand in one table."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from tlbench.leaderboard.reading import Entry
from tlbench.leaderboard.verification import Coverage
from tlbench.schema import digest
from tlbench.suite import Suite


@dataclass(frozen=True)
class Member:
    """A verified submission.

    Attributes
    ----------
    coverage
        How many of the models that its suite asks for have results.
    notes
        What else its verification found worth knowing.
    """

    entry: Entry
    coverage: Coverage
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of its folder, which tells revisions apart."""
        return self.entry.folder.name


@dataclass(frozen=True)
class Board:
    """Submissions of one suite, one protocol and one content of the data.

    Attributes
    ----------
    members
        The newest revision of each submission, by name.
    slug
        What tells it from the other boards of its suite; empty for the first of them.
    """

    members: list[Member]
    slug: str = ""

    @property
    def suite(self) -> Suite:
        """The suite, as its first submission has it; backbones and arms may differ by member."""
        return self.members[0].entry.suite

    @property
    def folder(self) -> str:
        """Where its page stands in the site."""
        return "/".join(["suites", self.suite.name, *([self.slug] if self.slug else [])])

    @cached_property
    def labels(self) -> Mapping[tuple[str, str], str]:
        """(Name of a member, backbone) → what the model is called, unique in the board."""
        named = [(m.name, b) for m in self.members for b in backbones_of(m)]
        count = Counter(backbone for _, backbone in named)
        return {
            (name, backbone): backbone if count[backbone] == 1 else f"{backbone} · {name}"
            for name, backbone in named
        }


def backbones_of(member: Member) -> list[str]:
    """Return the backbones that a submission has results of, in the order of its suite."""
    found = {r.backbone for r in member.entry.results.records}
    return [name for name in member.entry.suite.backbones if name in found]


def boards_of(members: Iterable[Member]) -> list[Board]:
    """Return the boards of the newest revisions, sorted by suite; the first of a suite leads.

    That is the one of the highest version of the suite, of these the one with most submissions, of
    these the oldest.
    """
    groups: dict[tuple[str, ...], list[Member]] = defaultdict(list)
    for member in sorted(newest(members), key=lambda member: member.name):
        groups[member.entry.about.comparable].append(member)
    of_suite: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for key in sorted(groups, key=lambda key: _precedence(key, groups[key])):
        of_suite[groups[key][0].entry.about.suite].append(key)
    return [
        Board(groups[key], "" if number == 0 else digest(key)[:8])
        for _, keys in sorted(of_suite.items())
        for number, key in enumerate(keys)
    ]


def newest(members: Iterable[Member]) -> list[Member]:
    """Return the highest revision of each submission."""
    latest: dict[tuple[str, str], Member] = {}
    for member in members:
        about = member.entry.about
        other = latest.get((about.suite, about.name))
        if other is None or other.entry.about.revision < about.revision:
            latest[about.suite, about.name] = member
    return list(latest.values())


def _precedence(
    key: tuple[str, ...], members: list[Member]
) -> tuple[int, int, str, tuple[str, ...]]:
    version = members[0].entry.about.suite_version
    oldest = min(member.entry.about.created for member in members)
    return (-version, -len(members), str(oldest), key)
