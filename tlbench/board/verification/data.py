"""Whether data sets are those that their cards describe.

A card that reads files determines every structure: its recipe holds their digests and how they are
divided; so does one whose sampled frames are shipped. What follows from the recipes of the cards
that tlbench ships is kept beside them, in ``contents.json``, and of others can be read from the
files. Dynamics that is sampled has other structures on another processor; of it, numbers, sizes,
temperatures and phases are compared, see `tlbench.board.verification.structures`.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tlbench.base.schema import Strict
from tlbench.board.reading import Entry
from tlbench.board.submission import DataSet
from tlbench.data.cards import Card
from tlbench.data.fetch import fetch
from tlbench.data.shipped import card_folder
from tlbench.results.measured_errors import tests_of

CONTENTS = "contents.json"
_JOB = "0" * 64
"""Stands for the job that made a data set, which no digest of its content depends on."""


class Content(Strict):
    """Digests of all structures of a data set, and of what is said of its test structures."""

    card: str
    content: str
    tests: str


def content_from_files(card: Card, mirror: Path | None) -> Content:
    """Read a data set from its files.

    Raises
    ------
    TlbenchError
        If they cannot be had or read.
    """
    parts = card.read(fetch(card, mirror))
    tests = tests_of(parts["test"], _JOB, card.formula, marked={})
    return Content(card=card.name, content=card.content(parts), tests=tests.digest())


@cache
def known_contents() -> dict[str, Content]:
    """Return the content of the data sets that tlbench knows, by the digest of their recipe."""
    written = json.loads((card_folder() / CONTENTS).read_text())
    return {recipe: Content.model_validate(each) for recipe, each in written.items()}


def check_data(entry: Entry) -> Iterator[str]:
    """Yield what does not fit between the submission's data sets and the cards."""
    given = [each.recipe for each in entry.about.data]
    if sorted(given) != sorted(entry.cards):
        yield "The data sets are not those of the suite, each once."
        return
    for each in entry.about.data:
        for name in _beside_card(each, entry.cards[each.recipe]):
            yield f"Data set {each.card}: {name} is not that of its card."


def _beside_card(given: DataSet, card: Card) -> Iterator[str]:
    counts = {split: card.n_frames(split) for split in ("train", "validation", "test")}
    for name, mine, theirs in (
        ("name", given.card, card.name),
        ("title", given.title, card.title),
        ("licence", given.licence, card.licence),
        ("citation", given.citation, card.citation),
        ("elements", given.element, card.formula),
        ("number of structures", given.n_frames, counts),
    ):
        if mine != theirs:
            yield name


def check_known_data(entry: Entry) -> Iterator[str]:
    """Yield data sets that are not what follows from their recipe, as far as it is known."""
    known = known_contents()
    for data in entry.about.data:
        if data.recipe in known:
            yield from _differing(data, known[data.recipe])


def check_files(entry: Entry, mirror: Path) -> Iterator[str]:
    """Yield data sets that are not what their files say, read from the folder ``mirror``.

    Raises
    ------
    TlbenchError
        If the files cannot be had or read.
    """
    for data in entry.about.data:
        if entry.cards[data.recipe].origin.is_fixed:
            yield from _differing(data, content_from_files(entry.cards[data.recipe], mirror))


def _differing(data: DataSet, known: Content) -> Iterator[str]:
    if data.content != known.content:
        yield f"The structures of {data.card} are not those that its card describes."
    if data.tests not in (None, known.tests):
        yield f"The test structures of {data.card} are not those that its card describes."
