"""What a card states of the use of its structures: strata, marks, and what is extrapolated to."""

from collections.abc import Iterator, Mapping

import numpy as np

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
    new = ~np.isin(test.composition, parts["train"].composition)
    if new.any():
        formulas = np.unique(test.composition[new]).tolist()
        yield (
            f"{new.sum()} of {len(test)} test structures are of compositions that no training "
            f"structure has, so that errors on them are extrapolations: {listed(formulas)}."
        )
