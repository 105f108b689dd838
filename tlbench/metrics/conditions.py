"""Which structures a number is taken over."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from tlbench.data.formulas import Counts
from tlbench.data.frames import Ints
from tlbench.data.marks import MarkedFrames, is_unmarked

Condition = dict[str, float | str]
"""Frame property → the value that the structures have; empty for all structures without a mark.

Beside properties, a condition may name an element, a mark of the structures, and the weights of the
model.
"""

ELEMENT = "element"
"""Of the atoms that a number is taken over, in structures that contain the element."""

COMPOSITION = "composition"

DATA = "data"
"""Name of the data set whose test structures a number is taken over, where it is a further one."""

PROPERTY = "property"
"""Name of the physical property that a number is of, which says nothing of test structures."""

MARKED = "marked"
INCLUDED = "included"
"""With the marked structures among the others."""

WEIGHTS = "weights"
Weights = Literal["last", "best"]
"""Weights of a model: those of the last update, or those of the lowest validation error."""

ConditionKey = tuple[tuple[str, float | str], ...]
"""A condition that can be a key: its items, sorted by name."""


def key_of(condition: Condition) -> ConditionKey:
    """Return ``condition`` as a key."""
    return tuple(sorted(condition.items()))


class Properties(Protocol):
    """What conditions are about: arrays (frames,), NaN or "" where a property is unknown."""

    @property
    def temperature_k(self) -> npt.NDArray[np.float64]:
        """Temperature a structure was sampled at, K."""

    @property
    def phase(self) -> npt.NDArray[np.str_]:
        """Crystal, liquid, and so on."""

    @property
    def group(self) -> npt.NDArray[np.str_]:
        """Kind of structure."""

    @property
    def composition(self) -> npt.NDArray[np.str_]:
        """Empirical formula."""

    @property
    def element_counts(self) -> Counts:
        """Atoms of each element."""


def conditions_of(
    frames: Properties,
    by: Iterable[Sequence[str]],
    marks: MarkedFrames | None = None,
    weights: Weights = "last",
) -> list[tuple[Condition, Ints]]:
    """Return every condition that a metric has a value under, and which structures meet it.

    The empty condition is that of all structures without a mark, and so are those of the
    properties; marked structures have conditions of their own, and ``{"marked": "included"}`` is
    that of all structures. Without marks there are neither.

    Parameters
    ----------
    by
        Combinations of properties.
    weights
        Which weights of the model were measured; other than the last are named by all conditions.
    """
    n_frames = len(frames.phase)
    free = is_unmarked(marks or {}, n_frames)
    found: list[tuple[Condition, Ints]] = [({}, np.flatnonzero(free))]
    for names in by:
        parts = (
            (condition, members[free[members]]) for condition, members in parts_of(frames, names)
        )
        found += [(condition, members) for condition, members in parts if len(members)]
    if marks:
        found += [({MARKED: mark}, np.array(members)) for mark, members in sorted(marks.items())]
        found.append(({MARKED: INCLUDED}, np.arange(n_frames)))
    shared: Condition = {} if weights == "last" else {WEIGHTS: weights}
    return [({**condition, **shared}, members) for condition, members in found]


def parts_of(frames: Properties, names: Sequence[str]) -> list[tuple[Condition, Ints]]:
    """Return every combination of the properties ``names`` that occurs, sorted, and its structures.

    A property that is unknown of all structures is left out of the combinations; a structure of
    which one is unknown is in none. Structures are given by their indices. `ELEMENT` may be among
    the names, although it is a property of atoms; its structures are those that contain it.
    Where all atoms are of one element, it and the composition are left out: they would only repeat
    the number of all structures.
    """
    if len(frames.element_counts) <= 1:
        names = [name for name in names if name not in (ELEMENT, COMPOSITION)]
    with_elements = ELEMENT in names
    names = [
        name
        for name in names
        if name != ELEMENT and any(v == v and v != "" for v in getattr(frames, name))
    ]
    if not names and not with_elements:
        return []
    found: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    columns = [getattr(frames, name).tolist() for name in names]
    for index, *row in zip(range(len(frames.phase)), *columns, strict=True):
        if all(value == value and value != "" for value in row):
            found[tuple(row)].append(index)
    parts: list[tuple[Condition, Ints]] = [
        (dict(zip(names, row, strict=True)), np.array(found[row], dtype=np.int64))
        for row in sorted(found)
    ]
    if not with_elements:
        return parts
    return [
        ({**condition, ELEMENT: symbol}, members[counts[members] > 0])
        for condition, members in parts
        for symbol, counts in frames.element_counts.items()
        if counts[members].any()
    ]
