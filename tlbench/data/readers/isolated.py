"""Frames of a single atom far from its images, whose energy is a reference and not a label."""

from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np
import numpy.typing as npt

from tlbench.base.errors import InputError
from tlbench.base.formats import later
from tlbench.base.schema import Strict
from tlbench.data.frames import Floats, Frames

ISOLATED_BEYOND = 6.0
"""Distance (Å) of the nearest image beyond which a single atom is isolated.

It is the largest cutoff in common use; the widest one-atom crystals (caesium) have 5.3 Å.
"""

WHAT = (
    f"frames of a single atom without an image within {ISOLATED_BEYOND:g} Å: their energy is a "
    "reference, not a label"
)


class IsolatedAtoms(Strict):
    """The settings of a reader whose format says which labels are where."""

    isolated_atoms: Literal["leave-out", "keep"] = later("leave-out", description=WHAT)


def without_isolated(
    frames: Iterable[tuple[int, Frames | InputError]], options: IsolatedAtoms
) -> Iterator[tuple[int, Frames | InputError]]:
    """Yield the frames of a file, without isolated atoms unless they are to be kept."""
    for index, frame in frames:
        is_alone = (
            isinstance(frame, Frames)
            and options.isolated_atoms == "leave-out"
            and is_isolated(int(frame.n_atoms[0]), frame.cell[0], frame.pbc[0])
        )
        if not is_alone:
            yield index, frame


def is_isolated(n_atoms: int, cell: Floats, pbc: npt.NDArray[np.bool_]) -> bool:
    """Return whether a structure is a single atom without an image within ``ISOLATED_BEYOND``.

    Parameters
    ----------
    cell, pbc
        (3, 3), Å, and (3,).
    """
    if n_atoms != 1:
        return False
    from ase.geometry import minkowski_reduce

    if np.linalg.matrix_rank(cell[pbc]) < pbc.sum():
        return False  # a flat cell, which is a mistake and no reason to leave it out
    reduced, _ = minkowski_reduce(cell, pbc)
    lengths = np.linalg.norm(np.asarray(reduced)[pbc], axis=1)
    return bool((lengths > ISOLATED_BEYOND).all())
