"""Structures that the data hold more than once."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from tlbench.data.inspection.collection import Collection
from tlbench.data.inspection.finding import Finding, listed, measured
from tlbench.data.inspection.forces import has_forces
from tlbench.data.inspection.shapes import same_shapes
from tlbench.data.origins import SPLITS


def check_copies(collection: Collection) -> Iterator[Finding]:
    """Find frames that are the same structure, however turned, mirrored, shifted or numbered.

    Cells of other shape or size that repeat to the same crystal count as the same structure. A
    validation or test frame that is in an earlier part too is an error, unless symmetry
    makes its forces vanish, as in strained perfect crystals: then it has no force to learn or
    to be tested on, and it is a warning, as are copies within a part.
    """
    used = np.flatnonzero(~collection.unused)
    for group in same_shapes([collection.shapes[index] for index in used]):
        by_part: dict[str, list[int]] = defaultdict(list)
        for frame in used[group]:
            by_part[str(collection.parts[frame])].append(int(frame))
        # Of two copies, the one in the later part is reported.
        first, *later = (part for part in ("", *SPLITS) if part in by_part)
        for part in (first, *later):
            if len(by_part[part]) > 1:
                yield _duplicate(collection, by_part[part])
        for part in later:
            for frame in by_part[part]:
                yield _leak(collection, frame, by_part[first][0])


def _duplicate(collection: Collection, frames: Sequence[int]) -> Finding:
    first, *rest = frames
    agreement, shift = _agreement(collection, rest, first)
    return measured(
        "warning",
        "duplicate",
        str(collection.names[first]),
        f"The same structure is given again, as {{0}} ({agreement}).",
        listed([str(collection.names[frame]) for frame in rest]),
        shift,
        len(frames),
        several=f"Each of these structures is given {{2}} times in its part ({agreement}).",
    )


def _leak(collection: Collection, frame: int, original: int) -> Finding:
    still = not has_forces(collection.frames.select([frame]))[0]
    excuse = "; no forces, by symmetry" if still else ""
    agreement, shift = _agreement(collection, [frame], original)
    part = collection.parts[frame]
    earlier = "training" if collection.parts[original] == "train" else collection.parts[original]
    return measured(
        "warning" if still else "error",
        "leak",
        str(collection.names[frame]),
        f"In the {part} part, this is the same structure as {{0}} of the {earlier} part "
        f"({agreement}{excuse}).",
        str(collection.names[original]),
        shift,
        several=f"In the {part} part, each is the same structure as one of the {earlier} part "
        f"({agreement}{excuse}).",
    )


def _agreement(collection: Collection, copies: Sequence[int], original: int) -> tuple[str, float]:
    """Return whether energies agree, with ``{1}`` in place of the largest difference, and this."""
    per_atom = collection.frames.energy / collection.frames.n_atoms
    shift = 1e3 * float(np.abs(per_atom[copies] - per_atom[original]).max())
    if shift < 0.01:
        return "energies agree", shift
    return "but energies differ by {1:.3g} meV/atom", shift
