"""How sure a distance is: an interval, and what two samples of one distribution would give.

Interval
    Structures, not atoms, are drawn with replacement from both sets (atoms of one structure are
    not independent), and the distance is computed of each draw. A distance of samples is too
    large by something, and that of draws by about as much again, so neither their percentiles
    nor these mirrored at the value (*basic* bootstrap; Davison & Hinkley, *Bootstrap Methods and
    their Application*, 1997, ch. 5) cover small distances. The interval is from the lower end of
    the mirrored to the upper end of the plain one, value ± (97.5 % point - value). It is wide
    rather than narrow; below the floor it says no more than the floor does. Of single quantities it
    covers the distance of the distributions. That of environments, in many dimensions, is that of
    samples of this size: exact transport between samples exceeds that between distributions by
    about the floor, which no resampling undoes. The nearest-neighbour distance that scaled forms
    are in units of is taken as known, which matters for sets of a few structures.
Floor
    Each set is cut into halves at random, and the distance between the halves taken; the mean over
    cuts, and over both sets. Halves have half the structures, so the floor errs upward.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tlbench.base.seeds import stream
from tlbench.data.frames import Floats
from tlbench.metrics.distances.sample import Sample
from tlbench.metrics.distances.transport import Distance


@dataclass(frozen=True)
class DistanceEstimate:
    """A distance with its 95 % interval and its floor, all in the unit of what is compared."""

    value: float
    low: float
    high: float
    floor: float


def estimate(
    a: Sample,
    b: Sample,
    distance_of: Callable[[Sample, Sample], Distance],
    resamples: int,
    halves: int,
) -> DistanceEstimate:
    """Return the distance of two samples with what is known of its error.

    Parameters
    ----------
    distance_of
        Prepares the distance of two samples.
    resamples
        Draws of structures for the interval.
    halves
        Cuts of each set for the floor.
    """
    distance = distance_of(a, b)
    value = distance(a.ones(), b.ones())
    generator = np.random.Generator(np.random.PCG64(stream("resamples", resamples)))
    drawn = [distance(_drawn(a, generator), _drawn(b, generator)) for _ in range(resamples)]
    reach = max(0.0, float(np.quantile(drawn, 0.975)) - value)
    floors = [floor(sample, distance_of, halves) for sample in (a, b)]
    return DistanceEstimate(value, max(0.0, value - reach), value + reach, float(np.mean(floors)))


def floor(sample: Sample, distance_of: Callable[[Sample, Sample], Distance], halves: int) -> float:
    """Return the mean distance between random halves of the structures of one sample."""
    generator = np.random.Generator(np.random.PCG64(stream("halves", halves)))
    present = np.unique(sample.frame)
    distance = distance_of(sample, sample)
    found = []
    for _ in range(halves):
        one, other = np.zeros((2, sample.n_frames))
        order = generator.permutation(present)
        one[order[: len(order) // 2]] = 1
        other[order[len(order) // 2 :]] = 1
        found.append(distance(one, other))
    return float(np.mean(found))


def _drawn(sample: Sample, generator: np.random.Generator) -> Floats:
    """Return how often each structure that has values is drawn, (n_frames,)."""
    present = np.unique(sample.frame)
    found = generator.integers(0, len(present), len(present))
    counts = np.bincount(present[found], minlength=sample.n_frames)
    return counts.astype(np.float64)
