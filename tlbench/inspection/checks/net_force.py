"""Forces that do not add up to zero."""

from collections.abc import Iterator

import numpy as np

from tlbench.inspection.collection import Collection
from tlbench.inspection.finding import Finding, measured

PER_ATOM = 1e-3
"""Largest net force per atom, eV/Å: a tenth of what good potentials are wrong by.

Codes that subtract the drift leave rounding (1e-9 in the data of Zuo et al.). Others leave up to
about 1 meV/Å per atom for the grid that the electrons are put on; more shows unconverged forces.
"""

OF_RMS = 2e-3
"""The same, in root-mean-square force components: where forces are large, so may the drift be."""


def check_net_force(collection: Collection) -> Iterator[Finding]:
    """Find frames whose mean force (of any direction) is above both thresholds.

    The energy of a structure does not change if the whole of it moves, so its forces add up to
    zero. A potential can only predict such forces.
    """
    frames = collection.frames
    if not len(frames):
        return
    starts = frames.atom_start
    mean = np.add.reduceat(frames.forces, starts) / frames.n_atoms[:, None]
    square = np.add.reduceat(frames.forces**2, starts) / frames.n_atoms[:, None]
    rms = np.sqrt(square.mean(axis=1))
    found = np.linalg.norm(mean, axis=1)
    for frame in np.flatnonzero(found > np.maximum(PER_ATOM, OF_RMS * rms)):
        yield measured(
            "warning",
            "net-force",
            str(collection.names[frame]),
            "Net force of {0:.3g} meV/Å per atom instead of zero, where the root mean square of "
            "the components is {1:.0f} meV/Å; atoms or digits may be missing.",
            1e3 * float(found[frame]),
            1e3 * float(rms[frame]),
        )
