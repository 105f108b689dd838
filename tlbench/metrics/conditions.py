"""Which structures a number is taken over."""

from collections import defaultdict
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Condition = dict[str, float | str]
"""Frame property → the value that the structures have; empty for all structures."""


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


def conditions_of(frames: Properties, names: list[str]) -> list[Condition]:
    """Return every combination of the properties ``names`` that occurs, sorted.

    A property that is unknown of all structures is left out of the combinations.
    """
    return [condition for condition, _ in _groups(frames, names)]


def parts_of(frames: Properties, names: list[str]) -> dict[ConditionKey, npt.NDArray[np.int64]]:
    """Return which structures meet each of `conditions_of`, as indices."""
    return {key_of(condition): members for condition, members in _groups(frames, names)}


def _groups(frames: Properties, names: list[str]) -> list[tuple[Condition, npt.NDArray[np.int64]]]:
    """Return conditions and the structures that meet them, in one pass over the structures."""
    names = [name for name in names if any(v == v and v != "" for v in getattr(frames, name))]
    if not names:
        return []
    found: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    rows = zip(*[getattr(frames, name).tolist() for name in names], strict=True)
    for index, row in enumerate(rows):
        if all(value == value and value != "" for value in row):
            found[row].append(index)
    return [
        (dict(zip(names, row, strict=True)), np.array(found[row], dtype=np.int64))
        for row in sorted(found)
    ]


def where(frames: Properties, condition: Condition) -> npt.NDArray[np.bool_]:
    """Return which structures meet ``condition``, shape (frames,)."""
    mask: npt.NDArray[Any] = np.ones(len(frames.phase), dtype=bool)
    for name, value in condition.items():
        mask &= getattr(frames, name) == value
    return mask
