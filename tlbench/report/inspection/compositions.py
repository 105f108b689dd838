"""What compositions leave open: elements without data, and constant energies of elements."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from tlbench.data.cards import Card
from tlbench.data.fetch import fetch
from tlbench.data.inspection.statements import check_trained_elements, extrapolated
from tlbench.study.study import Study


def check_elements(study: Study, mirror: Path | None = None) -> None:
    """Refuse data with an element that models are tested on and that they cannot learn.

    Reads the files of those source and target cards that are of several elements.

    Raises
    ------
    InputError
        If there is such an element, or the files cannot be read.
    """
    cards = {card.digest(): card for each in study.ends for card in each.cards}
    for card in cards.values():
        if len(card.elements) > 1 and card.data_files():
            check_trained_elements(card, card.read(fetch(card, mirror)))


def on_compositions(
    card: Card, undetermined: int, new: Mapping[str, int], n_test: int
) -> Iterator[str]:
    """Yield what the compositions of all training structures leave open.

    Parameters
    ----------
    undetermined
        Constant energies of elements that they do not determine.
    new
        Test structures, of ``n_test``, of each composition that they do not have.
    """
    if undetermined:
        n_elements = len(card.elements)
        yield (
            f"The compositions of the training structures of {card.name} determine only "
            f"{n_elements - undetermined} of the {n_elements} constant energies of its elements; "
            "the smallest that fit are taken, so that energies of other compositions mean nothing."
        )
    if new:
        yield extrapolated(new, n_test, f" of {card.name}")
