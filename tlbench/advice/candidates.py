"""Candidates for a start: published potentials, and data sets of the nearest elements."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlbench.base.errors import InputError, TlbenchError
from tlbench.base.phrases import listed
from tlbench.base.schema import digest
from tlbench.data.cards import Card, card_names, load_card, shared_data
from tlbench.data.fetch import needs_download
from tlbench.jobs.context import MODEL
from tlbench.report.wording import BASELINE
from tlbench.study.sources import SourceChoice, is_potential, potential_of, takers_of
from tlbench.transfer.element_map import element_starts, mean_differences
from tlbench.transfer.potentials import POTENTIALS

CUTOFF = 5.0
"""Interaction range of models that are trained on data sets, Å."""

MOST_DATA_SETS = 2
"""Data sets that are pretrained on, of different elements."""

NEAR = 1.0
"""Groups of the periodic table, on average, that the elements of a data set are apart at most."""

MOST_NAMED = 3
"""Data sets that could be fetched, of which the commands are given."""

_ORDER = ("group", "electronegativity", "covalent radius")


@dataclass(frozen=True, eq=False)
class Candidate:
    """Something to start from.

    Attributes
    ----------
    name
        What messages call it.
    source
        The source as a suite has it.
    backbone
        The backbone of the suite that starts from it.
    """

    name: str
    source: dict[str, Any]
    backbone: str

    @property
    def is_data(self) -> bool:
        """Whether models are pretrained on it."""
        return "card" in self.source


@dataclass(frozen=True)
class Candidates:
    """What can be started from, and what cannot, a sentence for each of these."""

    found: tuple[Candidate, ...]
    left_out: tuple[str, ...]


def candidates(
    card: Card,
    backbone: str,
    asked: Sequence[str] | None = None,
    check: Callable[[Candidate], None] = lambda candidate: None,
) -> Candidates:
    """Return what models of a data set can start from on this machine.

    These are every published potential that knows all elements and whose weights are here, and
    the data sets that tlbench ships whose elements are nearest (`nearest`) and whose files are
    here: nothing is downloaded.

    Parameters
    ----------
    backbone
        What is pretrained on data sets.
    asked
        Names of potentials and data sets, or paths of cards and potentials; None for all.
    check
        Refuses a data set by an InputError, as one that holds structures of the target.

    Raises
    ------
    TlbenchError
        If something that is asked for cannot be started from, or there is nothing.
    """
    if asked is not None:
        named = tuple(_asked(word, card, backbone) for word in asked)
        if not named:
            raise InputError("--sources names no candidate; write it as A,B or leave it out.")
        for each in named:
            check(each)
        return Candidates(named, ())
    potentials = published(card)
    found, left_out = [*potentials.found], [*potentials.left_out]
    data, absent = nearest(card)
    elements: list[str] = []
    for source in data:
        if source.formula in elements or len(elements) == MOST_DATA_SETS:
            continue
        candidate = _data_set(source.name, backbone)
        try:
            check(candidate)
        except InputError as error:
            left_out.append(str(error))
            continue
        found.append(candidate)
        elements.append(source.formula)
    if absent:
        left_out.append(
            "The nearest data sets whose files are not here can be fetched with "
            f"{listed(f'tlbench data fetch {name}' for name in absent[:MOST_NAMED])}."
        )
    if not elements:
        left_out.append(
            f"{backbone} is not trained, because no data set to pretrain it on is here."
        )
    if not found:
        raise InputError(
            f"There is nothing to start from: {' '.join(left_out)} Name a potential or a data set "
            "with --sources."
        )
    return Candidates(tuple(found), tuple(left_out))


def published(card: Card) -> Candidates:
    """Return the published potentials that know the elements of data and whose weights are here."""
    found: list[Candidate] = []
    left_out: list[str] = []
    for name in POTENTIALS.names():
        try:
            found.append(_published(name, card))
        except TlbenchError as error:
            left_out.append(str(error))
    return Candidates(tuple(found), tuple(left_out))


def nearest(target: Card) -> tuple[list[Card], list[str]]:
    """Return the data sets of near elements, and the names of all not here, the nearest first.

    Near is by the mean difference of mapped elements in group, then in electronegativity, then in
    covalent radius (`tlbench.metrics.chemistry`), at most `NEAR` groups; where no data set is so
    near, those of the nearest elements that are here are. Sets with labels of an empirical
    potential are near only to others of these. Of sets with the same training structures the first
    by name is meant.
    """
    ranked: list[tuple[tuple[float, ...], Card]] = []
    absent: list[tuple[tuple[float, ...], str]] = []
    known: set[str] = set()
    for name in card_names():
        card = load_card(name)
        if shared_data(card, target) or (is_empirical(card) and not is_empirical(target)):
            continue
        trained_on = _training_digest(card)
        if trained_on in known:
            continue
        known.add(trained_on)
        apart = _distance(card, target)
        if _is_here(card):
            ranked.append((apart, card))
        elif card.data_files():
            absent.append((apart, name))
    ranked.sort(key=lambda each: (each[0], each[1].name))
    near = [card for apart, card in ranked if apart[0] <= NEAR]
    near = near or [card for apart, card in ranked if apart == ranked[0][0]]
    return near, [name for _, name in sorted(absent)]


def is_empirical(card: Card) -> bool:
    """Return whether labels are computed here by an empirical potential, not read from files."""
    return not card.data_files()


def _training_digest(card: Card) -> str:
    """Return the digest of what training and validation structures are made of."""
    return digest(card.origin.model_dump(mode="json", exclude={"split": {"name", "test"}}))


def _distance(source: Card, target: Card) -> tuple[float, ...]:
    found = mean_differences(element_starts(source.elements, target.elements))
    # An element of the target that the source lacks starts as another one.
    return tuple(found.get(name, math.inf) for name in _ORDER)


def _is_here(card: Card) -> bool:
    """Return whether a data set is on this machine; one that has to be sampled first is not."""
    shipped = getattr(card.origin, "frames", None) is not None
    return not needs_download(card) if card.data_files() else shipped


def check_here(card: Card) -> None:
    """Refuse a data set whose files would have to be downloaded.

    Raises
    ------
    InputError
        Saying how to fetch them.
    """
    if needs_download(card):
        raise InputError(
            f"The files of {card.name} are not on this machine, and nothing is downloaded here; "
            f"fetch them with tlbench data fetch {card.name}."
        )


def _asked(word: str, card: Card, backbone: str) -> Candidate:
    if word in POTENTIALS:
        return _published(word, card)
    if is_potential(word):
        source: dict[str, Any] = {"file": str(Path(word).absolute()), "backbones": [backbone]}
        if Path(word).name == MODEL:
            # Every potential has this name in the folder of its run, which distinguishes them.
            called = re.sub(r"[^A-Za-z0-9 ._-]+", "-", Path(word).absolute().parent.name)
            source["name"] = called.lstrip(" ._-")[:64] or Path(MODEL).stem
        if source.get("name", Path(word).stem) == BASELINE:
            # Answers call training from random weights so.
            source["name"] = f"{BASELINE} potential"
        choice = SourceChoice(file=source["file"])
        if not takers_of(potential_of(choice), {backbone: {}}, CUTOFF):
            raise InputError(
                f"{word}: is not a {backbone!r} with its default settings and a cutoff of "
                f"{CUTOFF:g} Å; choose its backbone with --backbone, or compare it in a suite of "
                "your own."
            )
        return Candidate(word, source, backbone)
    data = load_card(word)
    if (shared := shared_data(data, card)) is not None:
        raise InputError(f"{word}: holds the data that advice is asked for ({shared}).")
    check_here(data)
    return _data_set(word, backbone)


def _published(name: str, card: Card) -> Candidate:
    """Return a published potential as a candidate.

    Raises
    ------
    TlbenchError
        If it does not know an element, or its weights are not here.
    """
    potential = POTENTIALS.get(name)
    unknown = [symbol for symbol in card.elements if symbol not in potential.elements]
    if unknown:
        raise InputError(f"{potential.label} was not trained on {listed(unknown)}.")
    potential.checkpoint()
    return Candidate(potential.label, {"potential": name}, name)


def _data_set(word: str, backbone: str) -> Candidate:
    card = load_card(word)
    name = word if word in card_names() else str(Path(word).absolute())
    label = f"{card.formula} ({card.name})"
    return Candidate(label, {"card": name, "backbones": [backbone]}, backbone)
