"""Between which data sets a study transfers, and as what their elements start."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

from tlbench.base.errors import InputError
from tlbench.data.cards import Card, load_card
from tlbench.data.splits import share_size
from tlbench.study.model_key import Transfer
from tlbench.study.suite import Suite
from tlbench.study.transfers import DataChoice, SourcePart
from tlbench.transfer.element_map import ElementStart, element_starts


@dataclass(frozen=True)
class Ends:
    """The two ends of a transfer: the data sets of source and target, and a part of the source.

    ``source_name`` and ``target_name`` are what a study calls the data sets, `end_names`, and
    ``starts`` says as what each target element starts.
    """

    source: Card
    part: SourcePart | None
    target: Card
    source_name: str
    target_name: str
    starts: tuple[ElementStart, ...]

    @property
    def transfer(self) -> Transfer:
        """The names of both, and what the part is called."""
        part = None if self.part is None else self.part.label()
        return Transfer(self.source_name, part, self.target_name)

    @property
    def source_label(self) -> str:
        """What is pretrained on, with the part unless it is all."""
        part = self.part_of_source
        return self.source_name + (f" ({part.label()})" if part else "")

    @property
    def part_of_source(self) -> SourcePart | None:
        """The part of the source that is pretrained on; None for all of it."""
        return None if self.part is None or self.part.is_whole else self.part

    @property
    def has_several(self) -> bool:
        """Whether either end has several elements, so that there is a choice of starts."""
        return len(self.source.elements) > 1 or len(self.target.elements) > 1

    def element_sentence(self) -> str:
        """Return as what each target element starts, and why, in a sentence."""
        starts = ", ".join(
            f"{each.target} as {each.source} ({each.reason})" for each in self.starts
        )
        return f"Elements of {self.target_name} start as those of {self.source_name}: {starts}."

    def n_source_frames(self) -> int:
        """Return on how many structures a source model is trained."""
        available = self.source.n_frames("train")
        if self.part is None:
            return available
        if self.part.temperatures_k is not None:
            at = (self.source.origin.n_frames_at("train", t) for t in self.part.temperatures_k)
            available = min(sum(at), available)
        return share_size(available, self.part.share)


def ends_of(suite: Suite) -> Iterator[Ends]:
    """Yield the two ends of every transfer of a suite; cards are read.

    Raises
    ------
    InputError
        If a card cannot be had, two are of one name, or elements cannot be mapped.
    """
    if suite.matrix is None:
        if suite.source is None or suite.target is None:
            raise AssertionError("validation asks for both")
        source, target = _read(suite, [suite.source, suite.target])
        parts: Sequence[SourcePart | None] = suite.source_parts or [None]
        source_name, target_name = end_names([source, target])
        starts = element_starts(source.elements, target.elements, suite.elements)
        for part in parts:
            yield Ends(source, part, target, source_name, target_name, starts)
        return
    choices = [suite.matrix.choice(element) for element in suite.matrix.elements]
    cards = _read(suite, choices)
    for element, card in zip(suite.matrix.elements, cards, strict=True):
        if card.elements != [element]:
            raise InputError(
                f"The data set {card.name!r} should be of {element} alone, but is of "
                f"{', '.join(card.elements)}."
            )
    for source, target in permutations(cards, 2):
        starts = element_starts(source.elements, target.elements)
        yield Ends(source, None, target, source.formula, target.formula, starts)


def end_names(cards: Sequence[Card]) -> list[str]:
    """Return what data sets are called in a study: their elements, such as ``"Mo–W"``.

    Data sets of the same elements are distinguished by the names of their cards.
    """
    elements = [card.formula for card in cards]
    shared = {formula for formula in elements if elements.count(formula) > 1}
    return [
        f"{formula} ({card.name})" if formula in shared else formula
        for formula, card in zip(elements, cards, strict=True)
    ]


def elements_in(name: str) -> list[str]:
    """Return the symbols of the elements in what `end_names` calls a data set."""
    return name.partition(" (")[0].split("–")


def _read(suite: Suite, choices: Sequence[DataChoice]) -> list[Card]:
    """Return the cards; two of one name are refused: results would not say whose data they are."""
    named: dict[str, str] = {}
    cards = [choice.load() for choice in choices]
    for choice, card in zip(choices, cards, strict=True):
        other = named.setdefault(card.name, choice.card)
        # Not as the suite changes them: then they are one card, with changes that it states.
        if other != choice.card and load_card(other).digest() != load_card(choice.card).digest():
            raise InputError(
                f"Suite {suite.name!r}: the cards {other} and {choice.card} are both named "
                f"{card.name!r}, but describe different data; change 'name' in one of them."
            )
    return cards
