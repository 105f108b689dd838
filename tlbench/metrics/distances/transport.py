"""Distances between two distributions, each a function of how much every structure weighs.

All of them are computed from samples. So they are above zero even for two samples of one
distribution, the more the fewer the structures and the more the dimensions: they are to be read
beside their floor.

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

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from tlbench.base.seeds import stream
from tlbench.data.frames import Floats
from tlbench.metrics.distances.structures import Sample, normalised

Distance = Callable[[Floats, Floats], float]
"""Weights of the structures of both sets, (n_frames,) each → distance."""

BLOCK = 1000
"""Rows of a matrix of distances that are held in memory at a time."""


def wasserstein(a: Sample, b: Sample) -> Distance:
    """Return the first Wasserstein distance W1 of values (n,), in their unit."""
    from scipy.stats import wasserstein_distance

    def distance(a_frames: Floats, b_frames: Floats) -> float:
        found = wasserstein_distance(a.values, b.values, a.weights(a_frames), b.weights(b_frames))
        return float(found)

    return distance


def sliced(a: Sample, b: Sample, projections: int) -> Distance:
    """Return the sliced W1 of vectors: the mean of W1 over random directions.

    Bonneel et al., *J. Math. Imaging Vis.* 51, 22 (2015). The directions are always the same.
    """
    import ot

    directions = ot.sliced.get_random_projections(
        a.values.shape[1], projections, seed=stream("projections", projections) % 2**32
    )
    along_a, along_b = a.values @ directions, b.values @ directions

    def distance(a_frames: Floats, b_frames: Floats) -> float:
        some, other = a.weights(a_frames), b.weights(b_frames)
        # Structures that weigh nothing would only be sorted.
        kept, counted = some > 0, other > 0
        found = ot.wasserstein_1d(along_a[kept], along_b[counted], some[kept], other[counted], p=1)
        return float(np.mean(found))

    return distance


def exact(a: Sample, b: Sample) -> Distance:
    """Return W1 of vectors, the cost of the cheapest plan, with Euclidean distance as cost.

    The plan is found by network simplex (Bonneel et al., *ACM Trans. Graph.* 30, 158, 2011); its
    memory grows with the product of the sizes.
    """
    import ot

    cost = ot.dist(a.values, b.values, metric="euclidean")

    def distance(a_frames: Floats, b_frames: Floats) -> float:
        some, other = a.weights(a_frames), b.weights(b_frames)
        kept, counted = some > 0, other > 0
        found = ot.emd2(
            normalised(some[kept]),
            normalised(other[counted]),
            np.ascontiguousarray(cost[np.ix_(kept, counted)]),
            numItermax=10_000_000,
        )
        return float(found)

    return distance


def discrepancy(a: Sample, b: Sample) -> Distance:
    """Return the maximum mean discrepancy of vectors with the kernel -‖x - y‖.

    It is the square root of the energy distance 2E‖x - y‖ - E‖x - x'‖ - E‖y - y'‖ (Sejdinovic et
    al., *Annals of Statistics* 41, 2263, 2013), which needs no choice of a width.
    """
    across = _between_frames(a, b)
    within_a, within_b = (across if a is b else _between_frames(each, each) for each in (a, b))
    count_a = np.bincount(a.frame, minlength=a.n_frames)
    count_b = np.bincount(b.frame, minlength=b.n_frames)

    def distance(a_frames: Floats, b_frames: Floats) -> float:
        some = a_frames / (a_frames @ count_a)
        other = b_frames / (b_frames @ count_b)
        energy = 2 * some @ across @ other - some @ within_a @ some - other @ within_b @ other
        return math.sqrt(max(float(energy), 0.0))

    return distance


def _between_frames(a: Sample, b: Sample) -> Floats:
    """Return the sums of distances between the vectors of structures, (n_frames, n_frames)."""
    ours, theirs = torch.from_numpy(a.values), torch.from_numpy(b.values)
    of_a, of_b = torch.from_numpy(a.frame), torch.from_numpy(b.frame)
    members = torch.nn.functional.one_hot(of_b, b.n_frames).double()
    sums = torch.zeros(a.n_frames, b.n_frames, dtype=torch.float64)
    for start in range(0, len(a), BLOCK):
        rows = slice(start, start + BLOCK)
        sums.index_add_(0, of_a[rows], torch.cdist(ours[rows], theirs) @ members)
    return sums.numpy()


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
