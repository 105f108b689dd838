"""Forces far above those of the other frames."""

from collections.abc import Iterator

import numpy as np

from tlbench.inspection.collection import Collection
from tlbench.inspection.finding import Finding, measured
from tlbench.inspection.force_sizes import ZERO, largest_forces

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


def check_large_forces(collection: Collection) -> Iterator[Finding]:
    """Find frames whose largest force no closeness of atoms explains."""
    found = largest_forces(collection.frames)
    acting = found[found > ZERO]
    if not len(acting):
        return
    usual = TIMES * float(np.quantile(acting, 0.75, method="lower"))
    suspect = found > max(usual, LARGE)
    if not suspect.any():
        return
    # It needs torch, which is long to import and seldom needed here.
    from tlbench.inspection.checks.magnitudes import closest_pairs

    closest = closest_pairs(collection.frames)
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
