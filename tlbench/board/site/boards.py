"""Submissions sorted into boards: those of one board may share a table.

A name of a suite that tlbench ships belongs to that suite: whatever else is submitted under it,
another version or changed settings, is a variant, which never represents it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache, cached_property
from typing import Any

from tlbench.base.phrases import counted
from tlbench.base.schema import digest
from tlbench.board.checks.record import Check
from tlbench.board.checks.trust import Trust
from tlbench.board.reading import Entry
from tlbench.board.verification import Coverage
from tlbench.board.verification.data import known_contents
from tlbench.board.verification.models import measured_models, models_of
from tlbench.study.changes import Change, changes_of
from tlbench.study.loading import load_suite, suite_names
from tlbench.study.study import BESIDE_PROTOCOL, Study, resolve
from tlbench.study.suite import Suite


class Kind(IntEnum):
    """What a board is of, in the order in which the boards of one name stand."""

    SHIPPED = 0
    """The suite that tlbench ships."""
    OTHER_DATA = 1
    """That suite, on data of other content."""
    VARIANT = 2
    """Another version of it, or one with changed settings."""
    FOREIGN = 3
    """A suite of a name that tlbench does not ship."""


@dataclass(frozen=True)
class Member:
    """A verified submission.

    Attributes
    ----------
    coverage
        How many of the models that its suite asks for have results.
    notes
        What else its verification found worth knowing.
    checks
        Its check records, oldest first.
    """

    entry: Entry
    coverage: Coverage
    notes: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()

    @property
    def name(self) -> str:
        """The name of its folder, which tells revisions apart."""
        return self.entry.folder.name

    @cached_property
    def models_text(self) -> str:
        """How many models it has, what was done with some of them, and how much is missing."""
        n_models = len(measured_models(self.entry))
        n_simulated = len({m.job for m in models_of(self.entry) if m.where.simulated})
        text = counted(n_models, "model")
        text += f", {n_simulated} of them also simulated" if n_simulated else ""
        n_computed = len({each.trained for each in self.entry.results.properties})
        text += f", physical properties of {n_computed} of them" if n_computed else ""
        missing = self.coverage.expected - self.coverage.found
        if not missing:
            return text
        return f"{text}; {missing} of {self.coverage.expected} results of the suite are missing"

    @cached_property
    def trust(self) -> Trust:
        """How far its numbers have been checked."""
        return Trust.of(self.checks, len(measured_models(self.entry)))


@dataclass(frozen=True)
class Board:
    """Submissions of one suite, one protocol and one content of the data.

    Attributes
    ----------
    members
        The newest revision of each submission, by name.
    slug
        What distinguishes it from the other boards of its suite; empty for the one that leads them.
    """

    members: list[Member]
    kind: Kind
    slug: str = ""

    @cached_property
    def suite(self) -> Suite:
        """The suite, as its first submission has it; backbones and arms may differ by member.

        What a suite that tlbench ships is called and said to be, no submission decides.
        """
        suite = self.members[0].entry.suite
        if self.shipped is None or self.kind not in (Kind.SHIPPED, Kind.OTHER_DATA):
            return suite
        own = {"title": self.shipped.title, "description": self.shipped.description}
        return suite.model_copy(update=own)

    @property
    def shipped(self) -> Suite | None:
        """The suite of its name that tlbench ships."""
        return shipped_suite(self.members[0].entry.suite.name)

    @cached_property
    def changes(self) -> list[Change]:
        """How the protocol of its submissions differs from that of the suite of this version."""
        changes = changes_of(self.members[0].entry.study)
        return [each for each in changes if each.key.partition(".")[0] not in BESIDE_PROTOCOL]

    @property
    def is_described_by_tlbench(self) -> bool:
        """Whether the description is that of the suite that tlbench ships."""
        return self.shipped is not None and self.suite.description == self.shipped.description

    @property
    def mark(self) -> str:
        """What its heading has beside the title of the suite that tlbench ships, if it differs."""
        if self.shipped is None or self.kind is Kind.SHIPPED:
            return ""
        if self.kind is Kind.OTHER_DATA:
            return " (other data)"
        return f" (version {self.suite.version})" if self.has_other_version else " (changed)"

    @property
    def has_other_version(self) -> bool:
        """Whether tlbench ships another version of the suite."""
        return self.shipped is not None and self.suite.version != self.shipped.version

    @property
    def is_superseded(self) -> bool:
        """Whether it is of an earlier version of a suite than the one that tlbench ships."""
        return self.shipped is not None and self.suite.version < self.shipped.version

    @property
    def description(self) -> str:
        """The description of the suite; empty where its settings are not those described."""
        is_changed = self.kind is Kind.VARIANT and not self.has_other_version
        return "" if is_changed else self.suite.description

    @property
    def difference(self) -> str:
        """How it differs from a suite that tlbench ships, in a sentence; empty if it does not."""
        name = self.suite.name
        if self.kind is Kind.SHIPPED:
            return ""
        if self.shipped is None:
            return (
                f"tlbench ships no suite {name}; title and description are those of a submission."
            )
        if self.kind is Kind.OTHER_DATA:
            return (
                f"This is the suite {name} that tlbench ships, on data of other content than that "
                "of its first table."
            )
        if self.has_other_version:
            ours = self.shipped.version
            how = f"this is version {self.suite.version}, and tlbench ships version {ours}"
        elif self.changes:
            how = changes_text(self.changes)
        else:
            how = "its settings or data sets are changed"
        return f"This is not the suite {name} that tlbench ships: {how}."

    @property
    def folder(self) -> str:
        """Folder of its page in the site."""
        return "/".join(["suites", self.suite.name, *([self.slug] if self.slug else [])])

    @property
    def data_sets(self) -> list[str]:
        """The names of the data sets, as the first submission has them."""
        return [each.card for each in self.members[0].entry.about.data]

    @property
    def sound(self) -> list[Member]:
        """The members of which no check has failed; only these are ranked, drawn and summed up."""
        return [member for member in self.members if not member.trust.differing]

    @cached_property
    def labels(self) -> Mapping[tuple[str, str], str]:
        """(Name of a member, backbone) → what the model is called, unique in the board."""
        named = [(m.name, b) for m in self.members for b in backbones_of(m)]
        count = Counter(backbone for _, backbone in named)
        return {
            (name, backbone): backbone if count[backbone] == 1 else f"{backbone} · {name}"
            for name, backbone in named
        }


def title_of(suite: Suite) -> str:
    """Return the title of a suite where tlbench gave it, else its name."""
    return f"Suite {suite.name}" if quotation_of(suite) else suite.title


def quotation_of(suite: Suite) -> str:
    """Return the title that a submission gives a suite; empty where it is that of tlbench."""
    shipped = shipped_suite(suite.name)
    return "" if shipped is not None and suite.title == shipped.title else suite.title


def changes_text(changes: Sequence[Change]) -> str:
    """Return how many settings are changed, as the part of a sentence."""
    return f"{counted(len(changes), 'setting')} {'is' if len(changes) == 1 else 'are'} changed"


def backbones_of(member: Member) -> list[str]:
    """Return the backbones that a submission has results of, in the order of its suite."""
    found = {r.model.backbone for r in member.entry.results.records}
    return [name for name in member.entry.suite.backbones if name in found]


def boards_of(members: Iterable[Member]) -> list[Board]:
    """Return the boards of the newest revisions, sorted by suite; the first of a suite leads.

    That is the one of the suite that tlbench ships, by its version and protocol; variants of it
    never lead. Of a suite that tlbench does not ship, it is the one of the highest version. Of
    these the one leads of which most data sets have the content that tlbench knows; then the one
    with most models trained, or evaluated, again without a difference; then that with most
    submissions. The day of a submission, which submitters state themselves, decides last.
    """
    groups: dict[tuple[str, ...], list[Member]] = defaultdict(list)
    for member in sorted(newest(members), key=lambda member: member.name):
        groups[member.entry.about.comparable].append(member)
    # Each key begins with the name of its suite.
    ordered = sorted(groups, key=lambda key: (key[0], *_precedence(key, groups[key])))
    leading = {key[0]: key for key in reversed(ordered)}
    return [_board(key, groups[key], is_first=leading[key[0]] == key) for key in ordered]


def newest(members: Iterable[Member]) -> list[Member]:
    """Return the highest revision of each submission."""
    ordered = sorted(members, key=lambda member: member.entry.about.revision)
    return list({(m.entry.about.suite, m.entry.about.name): m for m in ordered}.values())


def _board(key: tuple[str, ...], members: list[Member], *, is_first: bool) -> Board:
    kind = _kind(members[0])
    if kind is Kind.SHIPPED and not is_first:
        kind = Kind.OTHER_DATA
    leads = is_first and kind is not Kind.VARIANT
    return Board(members, kind, "" if leads else digest(key)[:8])


def _kind(member: Member) -> Kind:
    about = member.entry.about
    shipped = _shipped_study(about.suite)
    if shipped is None:
        return Kind.FOREIGN
    ours = shipped.suite.version, shipped.protocol_digest
    same = (about.suite_version, about.protocol_digest) == ours
    return Kind.SHIPPED if same else Kind.VARIANT


@cache
def _shipped_study(name: str) -> Study | None:
    """Return the suite of this name that tlbench ships, with what it names."""
    return resolve(load_suite(name)) if name in suite_names() else None


def shipped_suite(name: str) -> Suite | None:
    """Return the suite of this name that tlbench ships."""
    study = _shipped_study(name)
    return None if study is None else study.suite


def _precedence(key: tuple[str, ...], members: list[Member]) -> tuple[Any, ...]:
    about, contents = members[0].entry.about, known_contents()
    known = sum(
        data.recipe in contents and contents[data.recipe].content == data.content
        for data in about.data
    )
    good = [member for member in members if not member.trust.differing]
    return (
        _kind(members[0]),
        -about.suite_version,
        -known,
        -sum(member.trust.trained for member in good),
        -sum(member.trust.evaluated for member in good),
        -len(good),
        str(min(member.entry.about.created for member in members)),
        key,
    )
