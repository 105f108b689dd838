"""Which structures of one set are copies of structures of another."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tlbench.data.frames import Floats, Frames
from tlbench.inspection.checks.copies import TOLERANCE
from tlbench.inspection.checks.environments import (
    Key,
    difference,
    environments,
    fingerprint,
    key_of,
)
from tlbench.inspection.geometry import structures_of


@dataclass(frozen=True)
class Described:
    """What copies of a structure have in common; see `tlbench.inspection.checks.environments`."""

    key: Key
    surroundings: Floats
    fingerprint: Floats


def describe(frames: Frames) -> list[Described]:
    """Return what copies of each structure would have in common with it."""
    found = []
    for structure in structures_of(frames):
        surroundings = environments(structure)
        found.append(
            Described(key_of(structure), surroundings, fingerprint(structure, surroundings))
        )
    return found


def copies_among(
    structures: Sequence[Described], references: Sequence[Described]
) -> npt.NDArray[np.bool_]:
    """Return which structures are copies of one of the references, shape (structures,).

    Copies may be turned, mirrored, shifted, renumbered or repeated, as for
    `tlbench.inspection.checks.copies.check_copies`.
    """
    from scipy.spatial import cKDTree

    by_key: dict[Key, list[Described]] = defaultdict(list)
    for reference in references:
        by_key[reference.key].append(reference)
    trees = {key: cKDTree([one.fingerprint for one in some]) for key, some in by_key.items()}
    return np.array(
        [
            one.key in trees
            and any(
                difference(one.surroundings, by_key[one.key][index].surroundings) <= TOLERANCE
                for index in trees[one.key].query_ball_point(one.fingerprint, TOLERANCE, p=np.inf)
            )
            for one in structures
        ],
        dtype=bool,
    )
