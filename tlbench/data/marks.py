"""Test structures that say little of a model: copies, and structures without force information."""

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from tlbench.base.errors import InputError
from tlbench.base.schema import Strict
from tlbench.data.origins.base import MOST_FRAMES

MarkName = Literal["copy", "without forces"]
"""A copy of another structure that the model may know, or one whose forces vanish by symmetry."""

Index = Annotated[int, Field(ge=0, lt=MOST_FRAMES)]

Marked = dict[MarkName, list[Index | str]]
"""Mark → indices of test structures, or names of groups of them."""

MarkedFrames = dict[MarkName, list[Index]]
"""Mark → indices of test structures, ascending."""


class Mark(Strict):
    """Test structures that are left out of the errors over the test set.

    ``frames`` are indices in the test part, from 0, in the order of the files that it is drawn
    from; all structures of the ``groups`` are marked, too.
    """

    mark: MarkName
    reason: str = Field(min_length=1)
    groups: list[str] = Field(default=[], description="kinds of structure in the test part")
    frames: list[Index] = Field(default=[], description="indices in the test part")

    @model_validator(mode="after")
    def _something(self) -> "Mark":
        if not self.groups and not self.frames:
            raise ValueError("at least one of 'frames' and 'groups' should name a test structure")
        return self


def marked_of(marks: Sequence[Mark]) -> Marked:
    """Return what is marked, without the reasons."""
    found: Marked = {}
    for mark in marks:
        found.setdefault(mark.mark, []).extend([*mark.groups, *mark.frames])
    return found


def marked_frames(marked: Marked, groups: npt.NDArray[np.str_]) -> MarkedFrames:
    """Return the indices of the test structures that are marked.

    Parameters
    ----------
    groups
        Kind of each test structure, shape (frames,).

    Raises
    ------
    InputError
        If a mark names no test structure, or all of them are marked.
    """
    found: MarkedFrames = {}
    for mark, named in marked.items():
        members: set[int] = set()
        for each in named:
            if isinstance(each, int):
                if each >= len(groups):
                    raise InputError(
                        f"marks: frame {each} is marked {mark!r}, but the test part has the frames "
                        f"0 to {len(groups) - 1}; correct the index."
                    )
                members.add(each)
                continue
            matching = np.flatnonzero(groups == each).tolist()
            if not matching:
                names = ", ".join(sorted({str(group) for group in groups if group})) or "none"
                raise InputError(
                    f"marks: the group {each!r} is marked {mark!r}, but no test frame has it; "
                    f"groups there are: {names}."
                )
            members.update(matching)
        found[mark] = sorted(members)
    if found and not is_unmarked(found, len(groups)).any():
        raise InputError(
            "marks: every test frame is marked, so that none is left to measure errors on; mark "
            "fewer."
        )
    return found


def is_unmarked(marked: MarkedFrames, n_frames: int) -> npt.NDArray[np.bool_]:
    """Return which of ``n_frames`` test structures have no mark, shape (frames,)."""
    free = np.ones(n_frames, dtype=bool)
    for members in marked.values():
        free[members] = False
    return free
