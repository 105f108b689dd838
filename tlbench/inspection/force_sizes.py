"""How large the forces of frames are, and which frames have none."""

import numpy as np
import numpy.typing as npt

from tlbench.data.frames import Floats, Frames

NO_FORCE = 1e-3
"""Force component (eV/Å) below which a frame has no force to learn: symmetry makes it vanish."""

ZERO = 1e-6
"""Force (eV/Å) of a frame whose forces are zero but for rounding; relaxed structures have more."""


def has_forces(frames: Frames) -> npt.NDArray[np.bool_]:
    """Return which frames have a force component of ``NO_FORCE`` or more, shape (frames,).

    Forces that are not numbers count as forces.
    """
    if not len(frames):
        return np.empty(0, dtype=bool)
    largest = np.maximum.reduceat(np.abs(frames.forces).max(axis=1), frames.atom_start)
    return ~(largest < NO_FORCE)


def largest_forces(frames: Frames) -> Floats:
    """Return the largest force on an atom of each frame, (frames,), eV/Å."""
    if not len(frames):
        return np.empty(0)
    return np.maximum.reduceat(np.linalg.norm(frames.forces, axis=1), frames.atom_start)


def typical_force(frames: Frames) -> float:
    """Return the median over frames of the root-mean-square force component, eV/Å.

    Frames whose forces are ``ZERO``, as of perfect crystals, do not count; 0 if there are no
    others.
    """
    if not len(frames):
        return 0.0
    square = np.add.reduceat((frames.forces**2).mean(axis=1), frames.atom_start)
    rms = np.sqrt(square / frames.n_atoms)
    return float(np.median(rms[rms > ZERO])) if (rms > ZERO).any() else 0.0
