r"""Whether errors of properties follow the force error: rank correlation over models.

Models are crossed: each is of one arm (backbone, strategy, number of structures) and one pair of
seeds. Models of one arm are alike, and so are those of one pair, which share training structures
and a source model. So the bootstrap draws both arms and pairs with replacement, independently of
each other, and each of its samples has the models in which a drawn row and a drawn column cross
(Owen, *Annals of Applied Statistics* 1, 386, 2007; McCullagh, *Bernoulli* 6, 285, 2000). Its
variance is rather too large than too small. To draw pairs alone would ask whether the correlation
of just these arms is one of the seeds, which it nearly never is: two errors that have nothing to do
with each other but differ between arms then correlate "beyond chance".

Simulated: share of 300 samples of two independent errors, each with an effect of the arm, an effect
of the pair and scatter, of which the 95 % interval leaves out 0 (per cent; nominally 5):

==== ===== =========== ============ ================ ================
arms pairs arm effects pair effects pairs drawn      both drawn
==== ===== =========== ============ ================ ================
14   5     2           0            60               5
14   5     2           1            45               3
14   5     0           1            6                1
7    5     2           0            51               3
7    5     2           1            46               2
==== ===== =========== ============ ================ ================

Effects are standard deviations over that of the scatter.
"""

import math
from dataclasses import dataclass

import numpy as np

from tlbench.base.seeds import stream
from tlbench.metrics.spec import Floats
from tlbench.metrics.statistics import MIN_GROUPS
from tlbench.metrics.statistics.interval import TAIL

MIN_PAIRS = 5
"""With fewer pairs of seeds there is no interval, and nothing is concluded."""

N_SAMPLES = 1999
"""Samples of the bootstrap; p values are multiples of 2/(n + 1)."""


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation of two errors over crossed arms and pairs.

    Attributes
    ----------
    rho
        From -1 to 1.
    n_models, n_arms, n_pairs
        How many of them both errors are known of.
    interval
        Its 95 % interval, percentiles of the bootstrap; None if arms or pairs are too few.
    p
        Twice the share of samples on the other side of 0; None without an interval.
    """

    rho: float
    n_models: int
    n_arms: int
    n_pairs: int
    interval: tuple[float, float] | None = None
    p: float | None = None

    @property
    def is_resolved(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.interval is not None and not self.interval[0] <= 0 <= self.interval[1]


def correlation(x: Floats, y: Floats, n_samples: int = N_SAMPLES) -> Correlation | None:
    """Return the correlation of two errors of models; None if one of them does not vary.

    Parameters
    ----------
    x, y
        (arms, pairs), NaN where there is no model or its error is not known.
    n_samples
        Of the bootstrap.
    """
    known = np.isfinite(x) & np.isfinite(y)
    # What is resampled are the arms and pairs that have models.
    some = np.ix_(known.any(axis=1), known.any(axis=0))
    x, y, known = x[some], y[some], known[some]
    # Ranks of others are not changed by what ranks last.
    x, y = (np.where(known, each, np.inf) for each in (x, y))
    n_arms, n_pairs = known.shape
    if not known.size:
        return None
    rho = float(_rank_correlations(x.reshape(1, -1), y.reshape(1, -1))[0])
    if known.sum() < 3 or math.isnan(rho):
        return None
    found = Correlation(rho, int(known.sum()), n_arms, n_pairs)
    if n_pairs < MIN_PAIRS or n_arms < MIN_GROUPS:
        return found
    generator = np.random.Generator(np.random.PCG64(stream("crossed bootstrap", *x.shape)))
    arms, pairs = (generator.integers(0, n, (n_samples, n)) for n in x.shape)
    crossed = arms[:, :, None], pairs[:, None, :]
    samples = _rank_correlations(*(each[crossed].reshape(n_samples, -1) for each in (x, y)))
    samples = samples[np.isfinite(samples)]
    low, high = np.quantile(samples, [TAIL, 1 - TAIL]).tolist()
    beyond = min((samples <= 0).sum(), (samples >= 0).sum())
    p = min(1.0, 2 * (float(beyond) + 1) / (len(samples) + 1))
    return Correlation(rho, found.n_models, n_arms, n_pairs, (low, high), p)


def without_arms(errors: Floats) -> Floats:
    """Return logarithms of errors relative to the mean over each arm's pairs, (arms, pairs).

    They are NaN where an error is 0, which has no logarithm, and of an arm with a single model.
    """
    logs = np.full_like(errors, np.nan)
    np.log(errors, out=logs, where=errors > 0)
    counts = np.isfinite(logs).sum(axis=1, keepdims=True)
    means = np.nansum(logs, axis=1, keepdims=True) / np.maximum(counts, 1)
    return np.where(counts > 1, logs - means, np.nan)


def _rank_correlations(x: Floats, y: Floats) -> Floats:
    """Return Spearman's correlation of each sample, (samples,), NaN where one does not vary.

    Arguments are of shape (samples, models), infinite in both where they are not known.
    """
    from scipy.stats import rankdata

    known = np.isfinite(y)
    n = np.maximum(known.sum(axis=1, keepdims=True), 1)
    dx, dy = (
        np.where(known, ranks - (ranks * known).sum(axis=1, keepdims=True) / n, 0.0)
        for ranks in (rankdata(x, axis=1), rankdata(y, axis=1))
    )
    length = np.sqrt((dx**2).sum(axis=1) * (dy**2).sum(axis=1))
    found: Floats = (dx * dy).sum(axis=1) / np.where(length > 0, length, np.nan)
    return found
