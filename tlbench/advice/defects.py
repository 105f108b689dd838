"""Structures of one's own data that say little: without forces, or copies of training structures.

`tlbench data validate` finds the same; here test structures get the marks of cards for it, so that
errors are over the others.
"""

from collections.abc import Collection, Iterator, Mapping

import numpy as np
import numpy.typing as npt

from tlbench.base.errors import InputError
from tlbench.base.phrases import counted, listed
from tlbench.data.cards import Card
from tlbench.data.frames import Frames
from tlbench.data.inspection.copies import copies_among, shapes_of
from tlbench.data.inspection.forces import NO_FORCE, has_forces
from tlbench.data.marks import Mark, MarkName

REASONS: Mapping[MarkName, str] = {
    "copy": "Copies of training structures, up to a symmetry or a rounding of coordinates.",
    "without forces": f"No force above {1e3 * NO_FORCE:g} meV/Å, as where symmetry makes forces "
    "vanish.",
}

SAID: Mapping[MarkName, tuple[str, str]] = {
    "copy": ("is a copy of a training structure", "are copies of training structures"),
    "without forces": ("has no forces", "have no forces"),
}
"""Of one structure, and of several."""


def _found(parts: Mapping[str, Frames]) -> dict[MarkName, list[int]]:
    """Return the indices of the test structures that are to be marked."""
    test = parts["test"]
    members: dict[MarkName, npt.NDArray[np.bool_]] = {
        "copy": copies_among(shapes_of(test), shapes_of(parts["train"])),
        "without forces": ~has_forces(test),
    }
    return {mark: np.flatnonzero(of).tolist() for mark, of in members.items() if of.any()}


def defects(parts: Mapping[str, Frames]) -> list[Mark]:
    """Return the marks of the test structures of some data.

    Parameters
    ----------
    parts
        Part of the data → its structures, "train" and "test" among them.

    Raises
    ------
    InputError
        If no test structure is left.
    """
    found, n_test = _found(parts), len(parts["test"])
    if sum(mark_counts(found).values()) == n_test:
        raise InputError(
            f"No force error can be measured: of {counted(n_test, 'test structure')}, "
            f"{marked_text(mark_counts(found))}; give others with tlbench data new FILE --test "
            "OTHERS."
        )
    return [Mark(mark=m, reason=REASONS[m], frames=frames) for m, frames in found.items()]


def mark_counts(marked: Mapping[MarkName, Collection[int]]) -> dict[MarkName, int]:
    """Return how many structures have no forces, and how many others have each further mark."""
    counts: dict[MarkName, int] = {}
    seen: set[int] = set()
    for mark in sorted(marked, key=lambda name: name != "without forces"):
        if new := {*marked[mark]} - seen:
            counts[mark] = len(new)
            seen |= new
    return counts


def marked_text(counts: Mapping[MarkName, int]) -> str:
    """Return how many structures have each mark, in words."""
    return listed(f"{count} {SAID[mark][count != 1]}" for mark, count in counts.items())


def counting_sentence(counts: Mapping[MarkName, int], n_frames: int) -> str:
    """Return which test structures errors are not taken over; see `mark_counts`."""
    n_free = n_frames - sum(counts.values())
    return f"{n_free} of {n_frames} test structures count: {marked_text(counts)}."


def on_defects(card: Card, parts: Mapping[str, Frames]) -> Iterator[str]:
    """Yield how many training structures have no forces, and test structures without their mark."""
    train, n_test = parts["train"], len(parts["test"])
    if still := int((~has_forces(train)).sum()):
        yield f"{still} of {len(train)} training structures have no forces to learn."
    if not card.marks and (counts := mark_counts(_found(parts))):
        yield (
            f"Of {counted(n_test, 'test structure')}, {marked_text(counts)}; they count all the "
            f"same, because the card of {card.name} does not mark them."
        )
