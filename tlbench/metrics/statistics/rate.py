"""Rates of events that come in clusters, replicas of a few models, and their differences.

Replicas of one model share its weights. If they also share its fate, a hundred of them say
little more than one; the *intra-class correlation* ρ says how much they share. It is estimated by
the analysis of variance, which serves binary data as well (Ridout, Demétrio & Firth, *Biometrics*
55, 137, 1999), and clamped to [0, 1]. With m replicas of each model, n replicas are then as good
as n / (1 + (m - 1) ρ) independent ones (the design effect; Kish, *Survey Sampling*, 1965, ch. 5).

The estimate of ρ from k models is a poor one, and more often too low than too high. As is done for
complex surveys (Korn & Graubard, *Survey Methodology* 24, 193, 1998), the effective number is
therefore reduced further by (z/t)², the quantiles at 0.975 of the normal distribution and of
Student's with k - 1 degrees of freedom, but never below k: one observation for each model is what
is left where all its replicas meet the same end. The interval is Wilson's (*J. Am. Stat. Assoc.*
22, 209, 1927) for so many observations.

**If ρ cannot be estimated, each model counts as one observation.** That is so for a single model,
and where every replica of every model meets the same end: they may be alike because models hardly
ever fail, or because these few happened to be good, and nothing tells which. Three models whose
300 replicas are all stable have an interval from 0.44 on; had one replica failed, it would be
narrower.

Simulated coverage in per cent, nominally 95, of Wilson's interval that takes replicas to be
independent / of that with the design effect alone / of the one used here (20,000 samples each;
the models' rates have a beta distribution):

======== ======== ============== ============== ============== ==============
models × rate     ρ = 0          ρ = 0.05       ρ = 0.3        ρ = 0.8
replicas
======== ======== ============== ============== ============== ==============
3 × 10   0.35     95 / 96 / 100  89 / 93 / 100  67 / 85 / 99   46 / 87 / 97
3 × 100  0.35     95 / 97 / 100  58 / 84 / 98   27 / 80 / 95   30 / 81 / 89
3 × 100  0.90     96 / 97 / 100  59 / 83 / 99   23 / 73 / 92    5 / 87 / 93
5 × 100  0.35     94 / 96 / 100  57 / 88 / 95   26 / 88 / 95   14 / 87 / 91
5 × 100  0.90     96 / 97 / 100  59 / 87 / 95   26 / 77 / 87    6 / 80 / 85
10 × 100 0.35     95 / 96 / 98   58 / 92 / 95   27 / 92 / 95   16 / 94 / 96
10 × 100 0.90     96 / 97 / 98   57 / 91 / 95   27 / 85 / 90   25 / 80 / 82
======== ======== ============== ============== ============== ==============

It is too narrow where the rate is near 0 or 1 and models differ much: then few of them hold all
the failures, or none is among those seen.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tlbench.metrics.spec import Floats
from tlbench.metrics.statistics.interval import MIN_PAIRS, ROUNDING, TAIL, mean_interval
from tlbench.metrics.statistics.ratio import FIXED, Table, matched


@dataclass(frozen=True)
class Rate:
    """A share of replicas, with its 95 % interval.

    Attributes
    ----------
    value
        The share.
    low, high
        Its interval.
    n_clusters, n_replicas
        Models, and replicas of all of them.
    correlation
        Intra-class correlation of replicas, in [0, 1]; None if it cannot be estimated.
    n_effective
        How many independent observations the interval stands for.
    """

    value: float
    low: float
    high: float
    n_clusters: int
    n_replicas: int
    correlation: float | None
    n_effective: float


def wilson_interval(share: float, count: float) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a rate of which ``share`` was seen in ``count`` trials.

    It is that of ``scipy.stats.binomtest``, which takes whole numbers only: an effective number
    of trials is not one.
    """
    from scipy.special import ndtri

    z = float(ndtri(1 - TAIL))
    centre = share + z**2 / (2 * count)
    reach = z * math.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    scale = 1 + z**2 / count
    return max(0.0, (centre - reach) / scale), min(1.0, (centre + reach) / scale)


def clustered_rate(successes: Sequence[int], replicas: Sequence[int]) -> Rate:
    """Return the share of successes among the replicas of several models.

    Parameters
    ----------
    successes, replicas
        Of each model; at least one replica each.

    Raises
    ------
    ValueError
        If there is no model, or one with no replica or with more successes than replicas.
    """
    from scipy.special import ndtri, stdtrit

    seen, trials = np.array(successes, dtype=np.float64), np.array(replicas, dtype=np.float64)
    n_clusters, total = len(trials), trials.sum()
    if not n_clusters or trials.min() < 1 or (seen < 0).any() or (seen > trials).any():
        raise ValueError(f"{successes} of {replicas} replicas make no rate")
    correlation = _correlation(seen, trials)
    if n_clusters == total:
        # One replica a model: nothing is clustered.
        effective = float(total)
    elif correlation is None:
        effective = float(n_clusters)
    else:
        size = (trials**2).sum() / total
        effective = total / (1 + (size - 1) * correlation)
        narrow = ndtri(1 - TAIL) / stdtrit(n_clusters - 1, 1 - TAIL)
        effective = max(float(effective * narrow**2), float(n_clusters))
    share = float(seen.sum() / total)
    low, high = wilson_interval(share, effective)
    return Rate(share, low, high, n_clusters, int(total), correlation, effective)


def _correlation(seen: Floats, trials: Floats) -> float | None:
    """Return the analysis-of-variance estimate of the intra-class correlation, in [0, 1]."""
    n_clusters, total = len(trials), trials.sum()
    if n_clusters < 2 or n_clusters == total or seen.sum() in (0, total):
        return None
    squares = (seen**2 / trials).sum()
    between = (squares - seen.sum() ** 2 / total) / (n_clusters - 1)
    within = (seen.sum() - squares) / (total - n_clusters)
    size = (total - (trials**2).sum() / total) / (n_clusters - 1)
    return float(np.clip((between - within) / (between + (size - 1) * within), 0, 1))


@dataclass(frozen=True)
class Difference:
    """Mean of value(arm) - value(baseline) over pairs.

    Attributes
    ----------
    value
        The mean.
    n_pairs
        How many independent pairs it is taken over.
    interval
        Its 95 % interval; None below `MIN_PAIRS` pairs, and where all pairs differ by the same,
        as where both arms are stable throughout: their scatter then says nothing.
    """

    value: float
    n_pairs: int
    interval: tuple[float, float] | None = None

    def side(self) -> int:
        """Return -1 if the interval lies wholly below 0, 1 if above, 0 if not or without one."""
        if self.interval is None:
            return 0
        low, high = self.interval
        return int(low > 0) - int(high < 0)


def unpaired_interval(arm: Rate, baseline: Rate) -> tuple[float, float]:
    """Return the 95 % interval of the difference of two rates, from those of each.

    It is Newcombe's (*Statistics in Medicine* 17, 873, 1998, method 10), which takes the rates to
    be independent: if models with the same seeds fare alike it is wider than it need be. It
    serves where pairs all differ by the same.
    """
    difference = arm.value - baseline.value
    below = math.hypot(arm.value - arm.low, baseline.high - baseline.value)
    above = math.hypot(arm.high - arm.value, baseline.value - baseline.low)
    return max(-1.0, difference - below), min(1.0, difference + above)


def paired_difference(arm: Table, baseline: Table, most: float = 1.0) -> Difference | None:
    """Compare rates of two arms over the pairs that both have; None if they share none.

    Pairs are those of `paired_ratio`, and the interval is Student's of the mean difference. The
    rate of a published potential as it is, of which there is one model, is an estimate that all
    pairs share, so that they are one.

    Parameters
    ----------
    arm, baseline
        Rates by pair, or other numbers that are compared by their difference.
    most
        The interval is cut at ±``most``: no difference of rates lies beyond 1.
    """
    units = [*matched(arm, baseline).values()]
    if FIXED in {*arm, *baseline} and units:
        units = [[rates for unit in units for rates in unit]]
    differences = np.array(
        [math.fsum(ours - theirs for ours, theirs in rates) / len(rates) for rates in units]
    )
    if not differences.size:
        return None
    # Equal rates should differ by 0, which is neither above nor below nor -0.
    value, interval = round(float(differences.mean()), 12) + 0.0, None
    if len(differences) >= MIN_PAIRS and np.ptp(differences) > ROUNDING:
        low, high = mean_interval(differences)
        interval = max(-most, float(low)), min(most, float(high))
    return Difference(value, len(differences), interval)
