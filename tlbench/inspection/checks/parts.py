"""Parts of a data set whose forces cannot be compared with those of its training part."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tlbench.data.frames import Frames
from tlbench.data.origins import SPLITS
from tlbench.inspection.collection import Collection
from tlbench.inspection.finding import EVERYWHERE, Finding

NO_FORCE = 1e-3
"""Largest force component (eV/Å) of a frame that counts as having no forces, as among copies."""

FACTOR = 3.0
"""Largest usual ratio between the root-mean-square force components of two parts.

In the published divisions of Zuo et al. (six elements) and Li et al. (Nb, Mo, Ta, W and their
binary alloys), and in the suites of tlbench, validation and test have 0.8 to 1.3 times the forces
of training. Forces of a crystal grow as the square root of its temperature, so 300 K against
2700 K is a factor of 3. Relaxed surfaces against molecular dynamics are a factor of 45 to 90, and
perfect crystals against anything have none at all.
"""

MOST_WITHOUT = 0.5
"""Largest usual share of frames without forces; in those data up to 0.4 (strained copper)."""


@dataclass(frozen=True)
class ForceScale:
    """How large the forces of one part are.

    Attributes
    ----------
    frames
        Number of frames.
    without_forces
        Frames whose every force component is below ``NO_FORCE``, as where symmetry makes them
        vanish.
    rms
        Root-mean-square force component over all atoms of the part, eV/Å.
    """

    frames: int
    without_forces: int
    rms: float

    @property
    def vanishes(self) -> bool:
        """Whether no frame has forces, so that an error of forces measures nothing."""
        return self.without_forces == self.frames


def has_forces(frames: Frames) -> npt.NDArray[np.bool_]:
    """Return which frames have a force component of ``NO_FORCE`` or more, shape (frames,)."""
    largest = np.maximum.reduceat(np.abs(frames.forces).max(axis=1), frames.atom_start)
    return ~(largest < NO_FORCE)


def force_scale(frames: Frames) -> ForceScale:
    """Return how large the forces of ``frames``, at least one, are."""
    return ForceScale(
        frames=len(frames),
        without_forces=int((~has_forces(frames)).sum()),
        rms=float(np.sqrt(np.square(frames.forces).mean())),
    )


def unlike_training(scales: Mapping[str, ForceScale], of: str = "") -> Iterator[str]:
    """Yield a sentence about every part whose forces are unlike those of the training part.

    Parameters
    ----------
    scales
        Part → its forces; nothing is said without a training part.
    of
        What stands behind the name of a part, such as " of mlearn-ge".
    """
    train = scales.get("train")
    for part, scale in scales.items():
        if train is None or part == "train":
            continue
        missing = f"{scale.without_forces} of {scale.frames} frames have none"
        if scale.vanishes:
            yield (
                f"Every force of the {part} part{of} vanishes, as in perfect crystals, while the "
                f"training part has a root mean square of {train.rms:.2g} eV/Å: force errors on "
                "it measure nothing; divide the data so that each part holds structures of every "
                "kind."
            )
        elif scale.rms * FACTOR < train.rms or train.rms * FACTOR < scale.rms:
            yield (
                f"The root-mean-square force component of the {part} part{of} is {scale.rms:.2g} "
                f"eV/Å ({missing}), that of the training part {train.rms:.2g} eV/Å: they hold "
                "other kinds of structure, and force errors on one say little about the other."
            )
        elif scale.without_forces > MOST_WITHOUT * scale.frames:
            yield (
                f"In the {part} part{of} most forces vanish, as in perfect crystals ({missing}): "
                "such frames lower the mean force error, and test no force."
            )


def without_forces(scales: Mapping[str, ForceScale], of: str = "") -> str:
    """Return in words how many frames of each part have no forces; empty if all have."""
    counts = [
        f"{scale.without_forces} of {scale.frames} {part}"
        for part, scale in scales.items()
        if scale.without_forces
    ]
    if not counts:
        return ""
    *first, last = counts
    listed = f"{', '.join(first)} and {last}" if first else last
    return (
        f"{listed} frames{of} have no force above {1e3 * NO_FORCE:g} meV/Å, as where symmetry "
        "makes forces vanish"
    )


def check_parts(collection: Collection) -> Iterator[Finding | str]:
    """Compare the forces of validation and test with those of training.

    Yields
    ------
    Finding or str
        Warnings; last, in words, how many frames of each part have no forces.
    """
    scales = {
        part: force_scale(collection.frames.select(collection.parts == part))
        for part in SPLITS
        if (collection.parts == part).any()
    }
    for sentence in unlike_training(scales):
        yield Finding("warning", "parts", EVERYWHERE, sentence)
    if counts := without_forces(scales):
        yield f"{counts}."
