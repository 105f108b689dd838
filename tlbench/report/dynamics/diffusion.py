"""Self-diffusion in the table of arms."""

from collections.abc import Sequence

import numpy as np

from tlbench.jobs.reference_run import ReferenceRun
from tlbench.metrics.diffusion import diffusion_coefficient
from tlbench.metrics.statistics.interval import MIN_PAIRS, mean_interval
from tlbench.report.dynamics.models import Arm
from tlbench.results.dynamics import Dynamics

DIFFUSION = "D (Å²/ps)"
"""Title of the column."""

DIFFUSION_NOTE = (
    "D is the self-diffusion coefficient (10⁻⁸ m²/s), from the slope of the displacement; means "
    "over stable replicas, with 95 % intervals (Student's) that take replicas as independent. The "
    "correction for the size of the cell (Yeh–Hummer) is left out on both sides."
)


def records_diffusion(dynamics: Dynamics) -> bool:
    """Return whether diffusion was recorded; not by versions before it was measured."""
    return any(run.diffusion for run in dynamics.models)


def diffusion_of(arm: Arm) -> str:
    """Return the mean of an arm over the stable replicas of its models, with its interval."""
    return diffusion_text([each for m in arm.values() for each in m.run.diffusion or []])


def diffusion_of_reference(reference: ReferenceRun) -> str:
    """Return that of the reference; a dash where it is not a simulation."""
    if not reference.msd:
        return "–"
    return f"{diffusion_coefficient(reference.times_ps, reference.msd):.3f}"


def diffusion_text(of_replicas: Sequence[float]) -> str:
    """Return the mean over replicas, with its 95 % interval where they are enough."""
    if not of_replicas:
        return "–"
    values = np.array(of_replicas)
    if len(values) < MIN_PAIRS:
        return f"{values.mean():.3f}"
    low, high = mean_interval(values)
    return f"{values.mean():.3f} [{low:.3f}, {high:.3f}]"
