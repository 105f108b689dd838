r"""Whether errors of properties follow the force error: rank correlation over models.

Models are crossed: each is of one arm (backbone, strategy, number of structures) and one pair of
seeds. Models of one arm are alike, and so are those of one pair, which share training structures
and a source model. So the bootstrap draws both arms and pairs with replacement, independently of
each other, and each of its samples has the models in which a drawn row and a drawn column cross
(Owen, *Annals of Applied Statistics* 1, 386, 2007; McCullagh, *Bernoulli* 6, 285, 2000). Its
variance is rather too large than too small. To draw pairs alone would ask whether the correlation
of just these arms is one of the seeds, which it nearly never is: two errors that have nothing to do
with each other but differ between arms then correlate "beyond chance".

A model that stands for several pairs, as a published potential as it is does for all, counts once:
in each pair with the inverse of their number as its weight in ranks and means.

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
from tlbench.report.claims import CLAIM_PAIRS

ROUNDING = 1e-9

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


def correlation(
    x: Floats, y: Floats, n_samples: int = N_SAMPLES, share: Floats | None = None
) -> Correlation | None:
    """Return the correlation of two errors of models; None if one of them does not vary.

    Parameters
    ----------
    x, y
        (arms, pairs), NaN where there is no model or its error is not known.
    n_samples
        Of the bootstrap.
    share
        (arms, pairs), of a model that stands for several pairs: 1 over their number; by default
        each is a model of its own.
    """
    known = np.isfinite(x) & np.isfinite(y)
    # What is resampled are the arms and pairs that have models.
    some = np.ix_(known.any(axis=1), known.any(axis=0))
    share = np.ones_like(x) if share is None else share
    x, y, share = (np.where(known, each, np.nan)[some] for each in (x, y, share))
    known = known[some]
    n_arms, n_pairs = known.shape
    if not known.size:
        return None
    x, y, share = x[known], y[known], share[known]
    n_models = round(float(share.sum()))
    rho = float(_rank_correlations(x, y, share[None])[0])
    if n_models < 3 or math.isnan(rho):
        return None
    found = Correlation(rho, n_models, n_arms, n_pairs)
    if n_pairs < CLAIM_PAIRS or n_arms < MIN_GROUPS:
        return found
    generator = np.random.Generator(np.random.PCG64(stream("crossed bootstrap", n_arms, n_pairs)))
    drawn = [
        (generator.integers(0, n, (n_samples, n, 1)) == np.arange(n)).sum(axis=1)[:, of_model]
        for n, of_model in zip(known.shape, known.nonzero(), strict=True)
    ]
    samples = _rank_correlations(x, y, drawn[0] * drawn[1] * share)
    samples = samples[np.isfinite(samples)]
    low, high = np.quantile(samples, [TAIL, 1 - TAIL]).tolist()
    beyond = min((samples <= 0).sum(), (samples >= 0).sum())
    p = min(1.0, 2 * (float(beyond) + 1) / (len(samples) + 1))
    return Correlation(rho, n_models, n_arms, n_pairs, (low, high), p)


def without_arms(errors: Floats) -> Floats:
    """Return logarithms of errors relative to the mean over each arm's pairs, (arms, pairs).

    They are NaN where an error is 0, which has no logarithm, and of an arm with a single model.
    """
    logs = np.full_like(errors, np.nan)
    np.log(errors, out=logs, where=errors > 0)
    counts = np.isfinite(logs).sum(axis=1, keepdims=True)
    means = np.nansum(logs, axis=1, keepdims=True) / np.maximum(counts, 1)
    return np.where(counts > 1, logs - means, np.nan)


def _rank_correlations(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Return Spearman's correlation of each sample, (samples,), NaN where one does not vary.

    Ranks are those of samples in which models occur as often as their weights say.

    Parameters
    ----------
    x, y
        (models,)
    weights
        (samples, models)
    """
    total = weights.sum(axis=1, keepdims=True)
    dx, dy = (
        ranks - (weights * ranks).sum(axis=1, keepdims=True) / total
        for ranks in (weights @ _is_below(x), weights @ _is_below(y))
    )
    length = np.sqrt((weights * dx**2).sum(axis=1) * (weights * dy**2).sum(axis=1))
    # Where all are equal, weights that are not integers leave something of the last digit.
    found: Floats = (weights * dx * dy).sum(axis=1) / np.where(length > ROUNDING, length, np.nan)
    return found


def _is_below(values: Floats) -> Floats:
    """Return 1 where the first value is below the second, 1/2 where they are equal, and else 0."""
    below: Floats = (values[:, None] < values) + 0.5 * (values[:, None] == values)
    return below
