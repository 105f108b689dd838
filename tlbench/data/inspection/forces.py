"""Forces of frames: none, far above those of the others, or not adding up to zero."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from tlbench.data.frames import Floats, Frames
from tlbench.data.inspection.collection import Collection
from tlbench.data.inspection.distances import closest_pairs
from tlbench.data.inspection.finding import Finding, measured

NO_FORCE = 1e-3
"""Force component (eV/Å) below which a frame has no force to learn: symmetry makes it vanish."""

ZERO = 1e-6
"""Force (eV/Å) of a frame whose forces are zero but for rounding; relaxed structures have more."""

TIMES = 10.0
"""Largest force that is usual, in units of that which three quarters of the frames are below.

Frames without forces do not count.
"""

LARGE = 20.0
"""Force (eV/Å) that needs atoms closer than in frames of usual forces.

Molybdenum at 6000 K has 19 eV/Å, dimers and compressed crystals have more.
"""

HUGE = 100.0
"""Force (eV/Å) that dominates the loss of every model, however close the atoms are."""

NET_PER_ATOM = 1e-3
"""Largest net force per atom, eV/Å: a tenth of what good potentials are wrong by.

Codes that subtract the drift leave rounding (1e-9 in the data of Zuo et al.). Others leave up to
about 1 meV/Å per atom for the grid that the electrons are put on; more shows unconverged forces.
"""

NET_OF_RMS = 2e-3
"""The same, in root-mean-square force components: where forces are large, so may the drift be."""


def has_forces(frames: Frames) -> npt.NDArray[np.bool_]:
    """Return which frames have a force component of ``NO_FORCE`` or more, shape (frames,).

    Forces that are not numbers count as forces.
    """
    if not len(frames):
        return np.empty(0, dtype=bool)
    largest = np.maximum.reduceat(np.abs(frames.forces).max(axis=1), frames.atom_start)
    return ~(largest < NO_FORCE)


def typical_force(frames: Frames) -> float:
    """Return the median over frames of the root-mean-square force component, eV/Å.

    Frames whose forces are ``ZERO``, as of perfect crystals, do not count; 0 if there are no
    others.
    """
    rms = _rms(frames)
    return float(np.median(rms[rms > ZERO])) if (rms > ZERO).any() else 0.0


def check_large_forces(collection: Collection) -> Iterator[Finding]:
    """Find frames whose largest force no closeness of atoms explains."""
    frames = collection.frames
    if not len(frames):
        return
    found = np.maximum.reduceat(np.linalg.norm(frames.forces, axis=1), frames.atom_start)
    acting = found[found > ZERO]
    if not len(acting):
        return
    usual = TIMES * float(np.quantile(acting, 0.75, method="lower"))
    suspect = found > max(usual, LARGE)
    if not suspect.any():
        return
    closest = closest_pairs(frames)
    unexplained = closest >= closest[~suspect].min(initial=np.inf)
    typical = float(np.median(acting))
    for frame in np.flatnonzero(suspect & (unexplained | (found > HUGE))):
        yield measured(
            "warning",
            "large-force",
            str(collection.names[frame]),
            "Largest force {0:,.0f} eV/Å, {1:,.0f} times the median frame's; the electronic "
            "structure may not have converged.",
            float(found[frame]),
            float(found[frame]) / typical,
        )


def check_net_force(collection: Collection) -> Iterator[Finding]:
    """Find frames whose mean force (of any direction) is above both thresholds.

    The energy of a structure does not change if the whole of it moves, so its forces add up to
    zero. A potential can only predict such forces.
    """
    frames = collection.frames
    if not len(frames):
        return
    mean = np.add.reduceat(frames.forces, frames.atom_start) / frames.n_atoms[:, None]
    rms, found = _rms(frames), np.linalg.norm(mean, axis=1)
    for frame in np.flatnonzero(found > np.maximum(NET_PER_ATOM, NET_OF_RMS * rms)):
        yield measured(
            "warning",
            "net-force",
            str(collection.names[frame]),
            "Net force of {0:.3g} meV/Å per atom instead of zero, where the root mean square of "
            "the components is {1:.0f} meV/Å; atoms or digits may be missing.",
            1e3 * float(found[frame]),
            1e3 * float(rms[frame]),
        )


def _rms(frames: Frames) -> Floats:
    """Return the root-mean-square force component of each frame, (frames,), eV/Å."""
    if not len(frames):
        return np.empty(0)
    square = np.add.reduceat((frames.forces**2).mean(axis=1), frames.atom_start)
    return np.asarray(np.sqrt(square / frames.n_atoms))
