"""What a study transfers from and to, and as what the elements of the target start."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

from tlbench.base.errors import InputError
from tlbench.base.phrases import listed
from tlbench.data.cards import Card, load_card
from tlbench.data.splits import share_size
from tlbench.models.backbones import BackboneConfig
from tlbench.study.model_key import Transfer
from tlbench.study.sources import (
    SourceChoice,
    SourcePotential,
    difference_from,
    potential_of,
    takers_of,
)
from tlbench.study.suite import Suite
from tlbench.study.transfers import DataChoice, SourcePart
from tlbench.training.config import TrainingConfig
from tlbench.transfer.element_map import ElementStart, element_starts
from tlbench.transfer.strategy import Strategy


@dataclass(frozen=True)
class Ends:
    """The two ends of a transfer.

    Attributes
    ----------
    source
        The data set that is pretrained on, or a potential whose weights are there.
    part
        The part of the data set that is pretrained on.
    source_name, target_name
        What a study calls both ends, see `end_names`.
    starts
        As what each target element starts.
    backbones
        Those that start from this source, in the order of the suite.
    """

    source: Card | SourcePotential
    part: SourcePart | None
    target: Card
    source_name: str
    target_name: str
    starts: tuple[ElementStart, ...]
    backbones: tuple[str, ...]

    @property
    def data(self) -> Card | None:
        """The data set that is pretrained on; None for a potential, whose weights are there."""
        return self.source if isinstance(self.source, Card) else None

    @property
    def potential(self) -> SourcePotential | None:
        """The potential that models start from; None where source models are pretrained."""
        return None if isinstance(self.source, Card) else self.source

    @property
    def cards(self) -> tuple[Card, ...]:
        """The data sets of both ends, that of the source first."""
        return (self.target,) if self.data is None else (self.data, self.target)

    def serves(self, strategy: Strategy) -> bool:
        """Return whether the models of an arm can start from this source.

        Of a potential whose weights are there, there are neither structures to replay nor updates
        of pretraining to make up for.
        """
        needs_data = strategy.needs_source_data or strategy.compute_matched
        return self.data is not None or not needs_data

    @property
    def transfer(self) -> Transfer:
        """The names of both, and what the part is called."""
        part = None if self.part is None else self.part.label()
        return Transfer(self.source_name, part, self.target_name)

    @property
    def source_label(self) -> str:
        """What models start from, with the part unless it is all."""
        part = self.part_of_source
        return self.source_name + (f" ({part.label()})" if part else "")

    @property
    def part_of_source(self) -> SourcePart | None:
        """The part of the source that is pretrained on; None for all of it."""
        return None if self.part is None or self.part.is_whole else self.part

    @property
    def has_several(self) -> bool:
        """Whether either end has several elements, so that there is a choice of starts.

        Where the source is a potential, whether a target element starts as another one.
        """
        if self.data is None:
            return any(each.source != each.target for each in self.starts)
        return len(self.source.elements) > 1 or len(self.target.elements) > 1

    def element_sentence(self) -> str:
        """Return as what each target element starts, and why, in a sentence."""
        starts = ", ".join(
            f"{each.target} as {each.source} ({each.reason})" for each in self.starts
        )
        return f"Elements of {self.target_name} start as those of {self.source_name}: {starts}."

    def n_source_frames(self) -> int:
        """Return on how many structures a source model is trained; 0 if none is."""
        if self.data is None:
            return 0
        available = self.data.n_frames("train")
        if self.part is None:
            return available
        if self.part.temperatures_k is not None:
            at = (self.data.origin.n_frames_at("train", t) for t in self.part.temperatures_k)
            available = min(sum(at), available)
        return share_size(available, self.part.share)


def ends_of(suite: Suite) -> Iterator[Ends]:
    """Yield the two ends of every transfer of a suite; cards are read.

    Raises
    ------
    InputError
        If a card or potential cannot be had, two are of one name, elements cannot be mapped, or a
        source can give no weights to any backbone.
    """
    every = tuple(suite.backbones)
    if suite.sources is not None:
        yield from _ends_of_sources(suite, suite.sources)
        return
    if suite.matrix is None:
        if suite.source is None or suite.target is None:
            raise AssertionError("validation asks for both")
        source, target = _read(suite, [suite.source, suite.target])
        parts: Sequence[SourcePart | None] = suite.source_parts or [None]
        source_name, target_name = end_names([source, target])
        starts = element_starts(source.elements, target.elements, suite.elements)
        for part in parts:
            yield Ends(source, part, target, source_name, target_name, starts, every)
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
        yield Ends(source, None, target, source.formula, target.formula, starts, every)


def _ends_of_sources(suite: Suite, choices: Sequence[SourceChoice]) -> Iterator[Ends]:
    """Yield the ends of each of several sources."""
    if suite.target is None:
        raise AssertionError("validation asks for it")
    data = [choice.data for choice in choices]
    *cards, target = _read(suite, [*filter(None, data), suite.target])
    *names, target_name = end_names([*cards, target])
    named = iter(zip(cards, names, strict=True))
    sources: list[Card | SourcePotential] = []
    labels = []
    for choice in choices:
        source, label = (potential_of(choice), "") if choice.data is None else next(named)
        sources.append(source)
        labels.append(source.name if isinstance(source, SourcePotential) else label)
    for label, count in Counter(labels).items():
        if count > 1:
            raise InputError(
                f"Suite {suite.name!r}: two sources are called {label!r}, so that results could "
                "not distinguish them; give each once, and a file another 'name'."
            )
    taken: set[str] = set()
    for choice, source, label in zip(choices, sources, labels, strict=True):
        backbones = _takers(suite, choice, source)
        taken.update(backbones)
        starts = _starts(suite, source, label, target, sources)
        yield Ends(source, None, target, label, target_name, starts, backbones)
    if idle := [name for name in suite.backbones if name not in taken]:
        raise InputError(
            f"Suite {suite.name!r}: no source can give weights to the backbone "
            f"{' or '.join(map(repr, idle))}; leave it out, or add a data set to 'sources'."
        )


def _takers(suite: Suite, choice: SourceChoice, source: Card | SourcePotential) -> tuple[str, ...]:
    """Return the backbones that start from a source: of weights, those of the architecture.

    Raises
    ------
    InputError
        If there are none, or one is named that cannot.
    """
    named = choice.backbones
    found = [name for name in suite.backbones if named is None or name in named]
    if isinstance(source, Card):
        return tuple(found)
    fitting = takers_of(source, {name: suite.backbones[name] for name in found}, suite.cutoff)
    others = [name for name in found if name not in fitting] if named else []
    if others or not fitting:
        of = f"{listed(map(repr, others))} {'differs' if len(others) == 1 else 'differ'}"
        backbone = source.registered or source.backbone
        settings = "" if source.registered else _settings(source.complete, source.config)
        unlike = {name: suite.backbones[name] for name in others or found}
        first = difference_from(source, unlike, suite.cutoff)
        raise InputError(
            f"Suite {suite.name!r}: the source {source.name} is a {source.backbone!r} of its own "
            f"architecture, from which {of if others else 'all backbones of the suite differ'}"
            f"{f' ({first})' if first else ''}; add the backbone {backbone}{settings}, or leave "
            "the source out."
        )
    return tuple(fitting)


def _settings(complete: Mapping[str, object], config: BackboneConfig) -> str:
    """Return which settings a suite needs for an architecture, as a part of a sentence."""
    changed = config.model_dump(mode="json", exclude_defaults=True)
    own = ", ".join(f"{k}: {json.dumps(v)}" for k, v in changed.items() if k != "cutoff")
    return f" with {{{own}}} and the suite's cutoff {complete['cutoff']:g}"


def _starts(
    suite: Suite,
    source: Card | SourcePotential,
    label: str,
    target: Card,
    sources: Sequence[Card | SourcePotential],
) -> tuple[ElementStart, ...]:
    """Return as what the elements of the target start; what is given is for sources that have it.

    An element that a potential knows always starts as itself.

    Raises
    ------
    InputError
        If what is given is of no source, or a potential does not know an element.
    """
    known = {symbol for each in sources for symbol in each.elements}
    given = {t: s for t, s in (suite.elements or {}).items() if s in source.elements}
    if isinstance(source, SourcePotential):
        # What is given for another source should not take from a potential what it knows.
        given = {t: s for t, s in given.items() if t not in source.elements}
    if unknown := {*(suite.elements or {}).values()} - known:
        raise InputError(
            f"Suite {suite.name!r}: elements: no source has {', '.join(sorted(unknown))}; each "
            "line is TARGET: SOURCE."
        )
    for symbol in target.elements:
        if (
            isinstance(source, SourcePotential)
            and symbol not in source.elements
            and symbol not in given
        ):
            nearest, *_ = element_starts(source.elements, [symbol])
            raise InputError(
                f"Suite {suite.name!r}: {label} was not trained on {symbol}, an element of "
                f"{target.name}; leave this source out, or say as which element {symbol} starts, "
                f"as in elements: {{{symbol}: {nearest.source}}}."
            )
    return element_starts(source.elements, target.elements, given)


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


def with_energy_references(suite: Suite, ends: Sequence[Ends]) -> Suite:
    """Return the suite with a reference energy for each element, unless it says otherwise.

    One constant for all atoms is the same where there is one element. Of several, it would leave
    what energies owe to composition to the network.
    """
    several = {
        "pretraining": any(each.data and len(each.data.elements) > 1 for each in ends),
        "training": any(len(each.target.elements) > 1 for each in ends),
    }
    changes = {}
    for key, has_several in several.items():
        given: TrainingConfig = getattr(suite, key)
        if has_several and "energy_reference" not in given.model_fields_set:
            changes[key] = given.model_copy(update={"energy_reference": "least-squares"})
    return suite.model_copy(update=changes) if changes else suite
