"""Which structures a number is taken over."""

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
    names = [name for name in names if any(v == v and v != "" for v in getattr(frames, name))]
    if not names:
        return []
    rows = zip(*[getattr(frames, name).tolist() for name in names], strict=True)
    known = {row for row in rows if all(value == value and value != "" for value in row)}
    return [dict(zip(names, row, strict=True)) for row in sorted(known)]


def parts_of(frames: Properties, names: list[str]) -> dict[ConditionKey, npt.NDArray[np.int64]]:
    """Return which structures meet each of `conditions_of`, as indices.

    That takes one pass over the structures, however many conditions there are.
    """
    keys = [key_of(condition) for condition in conditions_of(frames, names)]
    if not keys:
        return {}
    found: dict[ConditionKey, list[int]] = {key: [] for key in keys}
    names = sorted(name for name, _ in keys[0])
    rows = zip(*[getattr(frames, name).tolist() for name in names], strict=True)
    for index, row in enumerate(rows):
        members = found.get(tuple(zip(names, row, strict=True)))
        if members is not None:
            members.append(index)
    return {key: np.array(members, dtype=np.int64) for key, members in found.items()}


def where(frames: Properties, condition: Condition) -> npt.NDArray[np.bool_]:
    """Return which structures meet ``condition``, shape (frames,)."""
    mask: npt.NDArray[Any] = np.ones(len(frames.phase), dtype=bool)
    for name, value in condition.items():
        mask &= getattr(frames, name) == value
    return mask
