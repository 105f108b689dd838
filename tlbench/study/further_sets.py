"""Further test sets: data sets beside a model's own that it is also tested on, and which models."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tlbench.base.errors import InputError
from tlbench.base.phrases import listed
from tlbench.data.cards import Card
from tlbench.study.ends import Ends
from tlbench.study.model_key import Transfer
from tlbench.study.suite import Suite
from tlbench.study.transfers import OWN_SOURCE, DataChoice
from tlbench.study.tuned import PRETRAINING
from tlbench.transfer import arm
from tlbench.transfer.strategy import Strategy

Tests = Mapping[tuple[Transfer, str], tuple[Card, ...]]
"""Transfer and arm → further data sets that its models are tested on; see `further_tests`."""


_OWN = "it is their own test set"


@dataclass(frozen=True)
class Untested:
    """A further test set that the models of an arm are not tested on, and why, as a clause."""

    transfer: Transfer
    arm: str
    card: Card
    reason: str


def further_cards(suite: Suite, ends: Sequence[Ends]) -> tuple[Card | None, ...]:
    """Return the data sets of ``tested_on``, in its order; None for the source of each transfer.

    Raises
    ------
    InputError
        If a card cannot be had, or two of different data are of one name, which is all that
        results say of them.
    """
    chosen = suite.tested_on or []
    found = tuple(each.load() if isinstance(each, DataChoice) else None for each in chosen)
    for name, count in Counter(card.name if card else OWN_SOURCE for card in found).items():
        if count > 1:
            raise InputError(f"Suite {suite.name!r}: 'tested_on' has {name!r} twice; name it once.")
    at_ends = {card.name: card for each in ends for card in each.cards}
    for card in found:
        other = card and at_ends.get(card.name)
        if card and other and other.digest() != card.digest():
            raise InputError(
                f"Suite {suite.name!r}: 'tested_on' names {card.name!r}, but models are trained on "
                "other data of this name; give both the same changes, or change 'name' in a card "
                "of your own."
            )
    return found


def cards_of(further: Sequence[Card | None], ends: Ends) -> dict[str, Card]:
    """Return the further data sets of a transfer, each once, by the digest of its card."""
    cards = (card or ends.data for card in further)
    return {card.digest(): card for card in cards if card}


def reason_against(card: Card, ends: Ends, strategy: Strategy | None) -> str | None:
    """Return why the models of an arm are not tested on a data set; None if they are.

    What a network predicts for an element that it was not trained on is arbitrary. A model that is
    not trained on target data has the weights of its source model, but for elements that start as
    others; those of a potential are tested, as there is no source model.

    Parameters
    ----------
    strategy
        The arm; None for source models.
    """
    own = ends.data if strategy is None else ends.target
    if own and card.digest() == own.digest():
        return _OWN
    elements = set(card.elements)
    if missing := sorted(elements - _elements(ends, strategy)):
        return f"they are not trained on {' or '.join(missing)}"
    if strategy is None or strategy.trains or elements - _elements(ends, None) or ends.potential:
        return None
    if any(start.target in elements and start.source != start.target for start in ends.starts):
        return None
    return "there they are their source models"


def _elements(ends: Ends, strategy: Strategy | None) -> set[str]:
    """Return the elements that models of an arm have learned, or start from a source with."""
    source, target = ({*c.elements} for c in (ends.source, ends.target))
    source -= {*(ends.data.origin.elements_left_out() if ends.data else ())}
    if strategy is None:
        return source
    if strategy.needs_source:
        return source | target
    return target - {*ends.target.origin.elements_left_out()}


def further_tests(
    further: Sequence[Card | None], ends: Sequence[Ends], arms: Sequence[Strategy]
) -> tuple[Tests, list[Untested]]:
    """Return which further data sets the models of each transfer and arm are tested on, and not.

    Source models have the transfer from their data set to itself.
    """
    found: dict[tuple[Transfer, str], dict[str, Card]] = {}
    untested = []
    has_sources = any(each.needs_source for each in arms)
    for each in ends:
        cards = cards_of(further, each)
        own = Transfer(each.source_name, each.transfer.part, each.source_name)
        places: list[tuple[Transfer, str, Strategy | None]]
        places = [(own, PRETRAINING, None)] if has_sources and each.data else []
        places += [(each.transfer, arm.name, arm) for arm in arms if each.serves(arm)]
        for digest, card in cards.items():
            for transfer, name, strategy in places:
                reason = reason_against(card, each, strategy)
                if reason is None:
                    found.setdefault((transfer, name), {})[digest] = card
                elif strategy is not None:
                    untested.append(Untested(transfer, name, card, reason))
    return {place: tuple(cards.values()) for place, cards in found.items()}, untested


def check_tested(suite: Suite, tests: Tests, untested: Collection[Untested]) -> None:
    """Refuse a further test set that no target model is tested on.

    Raises
    ------
    InputError
        Naming it, with the reason of each arm.
    """
    tested = {
        card.digest() for (_, name), cards in tests.items() if name != PRETRAINING for card in cards
    }
    for card in dict.fromkeys(each.card.name for each in untested):
        some = [each for each in untested if each.card.name == card]
        if some[0].card.digest() not in tested:
            reasons = "; ".join(dict.fromkeys(f"{each.arm}: {each.reason}" for each in some))
            raise InputError(
                f"Suite {suite.name!r}: no target model can be tested on {card!r} ({reasons}); "
                "leave it out of 'tested_on', or train models on all of its elements."
            )


def sentences(untested: Collection[Untested], n_transfers: int) -> Iterator[str]:
    """Yield which arms are not tested on which further data sets, and why."""
    others = [each for each in untested if each.reason != _OWN]
    counts = Counter((each.card.name, each.arm, each.reason) for each in others)
    for (card, name, reason), count in counts.items():
        some = f" in {count} of {n_transfers} transfers" if count < n_transfers else ""
        yield f"Models of {name} are not tested on {card}{some}: {reason}."


def unknown_losses(suite: Suite) -> Iterator[str]:
    """Yield why it cannot be said what models have lost of the potentials that they start from.

    Of a potential there is no source model but itself, and no data that it was trained on.
    """
    names = [each.potential_name for each in suite.sources or () if each.potential_name]
    arms = [arm(name) for name in suite.strategies]
    if not names or not any(each.needs_source and each.trains for each in arms):
        return
    potentials = listed(names)
    cards = [each.card for each in suite.tested_on or () if isinstance(each, DataChoice)]
    if OWN_SOURCE in (suite.tested_on or ()):
        yield (
            f"What {potentials} {_was(names)} trained on is not available, so 'tested_on: "
            "[source]' does not show what models have lost of it; name data sets of other "
            "elements, as tested_on: [mlearn-si]."
        )
    if cards and not any(each.needs_source and not each.trains for each in arms):
        yield (
            f"No arm measures {potentials} on {', '.join(cards)} without training, so what models "
            "have lost there is not known; add zero-shot to 'strategies' and run the suite again, "
            "which trains no model twice."
        )


def _was(names: Sequence[str]) -> str:
    return "was" if len(names) == 1 else "were"
