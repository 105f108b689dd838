"""What a card states of the use of its structures: strata, marks, and what is extrapolated to."""

from collections.abc import Iterator, Mapping

import numpy as np

from tlbench.base.errors import InputError
from tlbench.data.cards import Card
from tlbench.data.frames import Frames
from tlbench.data.inspection.finding import listed
from tlbench.data.marks import marked_frames, marked_of
from tlbench.data.strata import check_strata, strata_of


def statements(card: Card, parts: Mapping[str, Frames]) -> Iterator[str]:
    """Yield a sentence on the strata of a card, each of its marks, and unseen compositions.

    Parameters
    ----------
    parts
        Its parts, "train" and "test" among them.

    Raises
    ------
    InputError
        If no training structure has a property that draws are stratified by, a mark is of no test
        structure, or all test structures are marked.
    """
    if card.strata:
        check_strata(parts["train"], card.strata)
        sizes = np.bincount(strata_of(parts["train"], card.strata))
        yield (
            f"Stratified draws are by {' and '.join(card.strata)}: {len(sizes)} strata of "
            f"{sizes.min()} to {sizes.max()} training structures."
        )
    test = parts["test"]
    marked_frames(card.marked(), test.group)
    for mark in card.marks:
        frames = marked_frames(marked_of([mark]), test.group)[mark.mark]
        yield (
            f"{len(frames)} of {len(test)} test structures are marked {mark.mark!r}, "
            f"{listed([f'test frame {index}' for index in frames])}: {mark.reason}"
        )
    if new := new_compositions(parts):
        yield extrapolated(new, len(test))


def new_compositions(parts: Mapping[str, Frames]) -> dict[str, int]:
    """Return the number of test structures of each composition that no training structure has."""
    test = parts["test"].composition
    formulas, counts = np.unique(
        test[~np.isin(test, parts["train"].composition)], return_counts=True
    )
    return dict(zip(formulas.tolist(), counts.tolist(), strict=True))


def extrapolated(new: Mapping[str, int], n_test: int, of: str = "") -> str:
    """Return a sentence on `new_compositions` of ``n_test`` structures; ``of`` names the data."""
    return (
        f"{sum(new.values())} of {n_test} test structures{of} are of compositions that no training "
        f"structure has, so that errors on them are extrapolations: {listed([*new])}."
    )


def check_trained_elements(card: Card, parts: Mapping[str, Frames]) -> None:
    """Refuse parts with an element that no training structure contains.

    Raises
    ------
    InputError
        Unless the split of the card leaves the element out of the training part on purpose.
    """
    trained = {*parts["train"].element_counts, *card.origin.elements_left_out()}
    for part in ("validation", "test"):
        for symbol, counts in parts[part].element_counts.items():
            if symbol not in trained:
                raise InputError(
                    f"{card.name}: {np.count_nonzero(counts)} of {len(counts)} {part} structures "
                    f"contain {symbol}, which no training structure contains; add training "
                    f"structures with {symbol}, or, to test on an element that models have not "
                    f"seen, write without_elements: [{symbol}] in the training part of the split."
                )
