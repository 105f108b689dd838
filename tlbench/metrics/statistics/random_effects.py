"""The ratio of two arms' errors where both pairs and test structures are samples.

An interval over pairs alone is that of the ratio *on these test structures*. Eighteen of them are
a sample too, and another eighteen would give another ratio. Pairs and structures are crossed
random factors: each pair is measured on each structure. With a_pf and b_pf what structure f adds to
the error of arm and baseline of pair p, and A_p, B_p their sums over structures, the ratio of pair
p is A_p/B_p, and structure f has the influence ::

    z_pf = F (a_pf/A_p - b_pf/B_p),     Σ_f z_pf = 0,

on its logarithm (linearised; Efron & Tibshirani, *An Introduction to the Bootstrap*, 1993, ch.
21). The mean log ratio of P pairs on F structures then has the variance ::

    s_p²/P + s_f²/F - s_pf²/(P F)

where s_p² is the variance of the log ratio over pairs, s_f² that over structures of the mean of z
over pairs, and s_pf² that of the residuals z_pf - z̄_f, (P - 1)(F - 1) degrees of freedom. The
first two each contain the interaction of pairs and structures once, so it is taken off once
(two-way analysis of variance; Cameron, Gelbach & Miller, *J. Bus. Econ. Stat.* 29, 238, 2011). What
the structures add, the last two terms, is not taken to be below 0, so that this interval is never
narrower than that over pairs with as many degrees of freedom. The degrees of freedom are
Satterthwaite's (*Biometrics Bulletin* 2, 110, 1946), at least P - 1 or F - 1, whichever is smaller.

It is assumed that pairs are independent, that test structures are independent draws from what the
claim is about, and that none of them makes up much of the error (z is linear in it). Structures of
one trajectory or one group are not independent: name what belongs together in ``groups``, and the
groups take the place of structures, F being their number. With few groups, or groups of very
unequal size, the interval is too narrow still.

Simulated coverage in per cent, nominally 95, by P × F, by the distribution of effects (all normal,
or all Student's t with 3 degrees of freedom), and by what the structures bring of the variance that
is not interaction, which is a fifth of it (20,000 samples each, so ±0.3; tests repeat some):

========= ======== ======== ======== ======== ======== ========
P × F     normal 0 half     0.9      t3, 0    half     0.9
========= ======== ======== ======== ======== ======== ========
3 × 18    95.3     95.4     95.5     96.6     96.7     96.8
3 × 23    95.3     95.1     95.5     96.6     96.1     96.1
3 × 60    95.2     94.3     95.1     95.9     95.0     95.5
5 × 18    95.4     95.5     95.4     96.4     96.4     96.2
5 × 23    95.1     95.1     95.3     96.0     95.6     95.6
5 × 60    95.2     94.7     95.2     95.8     95.3     95.4
10 × 18   95.1     95.3     95.3     96.3     95.8     95.6
10 × 23   95.4     95.1     95.2     96.1     96.0     95.7
10 × 60   95.0     94.8     94.9     95.5     95.2     95.2
========= ======== ======== ======== ======== ======== ========

Of 5 × 18 with normal effects the interval over pairs alone covers 90 % where half the variance
is that of structures, and 78 % where 0.9 is.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tlbench.metrics.spec import Floats
from tlbench.metrics.statistics.interval import MIN_PAIRS, Interval, p_value, t_quantile
from tlbench.metrics.statistics.ratio import Pair, Ratio, matched, positive_log


@dataclass(frozen=True)
class CrossedRatio(Ratio):
    """A ratio whose interval allows for the choice of test structures as well as for pairs.

    Attributes
    ----------
    n_groups
        How many structures, or groups of them, are taken to be independent.
    from_pairs, from_structures
        Standard errors of the log ratio that the two choices bring; their squares add up to that of
        the interval. None without an interval.
    """

    n_groups: int = 0
    from_pairs: float | None = None
    from_structures: float | None = None


@dataclass(frozen=True)
class Variance:
    """The variance of a mean log ratio over pairs and test structures, for one or many samples.

    Attributes
    ----------
    pairs, structures
        What the two choices bring; the total is their sum.
    dof
        Degrees of freedom of the total.
    """

    pairs: Floats
    structures: Floats
    dof: Floats


def crossed_variance(logs: Floats, shares: Floats) -> Variance:
    """Return the variance of the mean log ratio (see the module's docstring).

    Parameters
    ----------
    logs
        (..., pairs), the log ratio of each pair.
    shares
        (..., pairs, groups), a_pf/A_p - b_pf/B_p, summed over the structures of each group: z/F.
    """
    n_pairs, n_groups = shares.shape[-2:]
    scale = n_groups / (n_groups - 1)
    over_pairs = shares.mean(axis=-2)
    residual = shares - over_pairs[..., np.newaxis, :]
    pairs = logs.var(axis=-1, ddof=1) / n_pairs
    structures = scale * np.square(over_pairs).sum(axis=-1)
    both = scale * np.square(residual).sum(axis=(-2, -1)) / (n_pairs * (n_pairs - 1))
    added = np.maximum(structures - both, 0)
    # Satterthwaite's approximation, each mean square with its own degrees of freedom.
    spread = np.square(pairs) / (n_pairs - 1)
    spread = spread + np.where(added > 0, np.square(structures) / (n_groups - 1), 0)
    rest = np.square(both) / ((n_pairs - 1) * (n_groups - 1))
    spread = spread + np.where(added > 0, rest, 0)
    dof = np.square(pairs + added) / np.where(spread > 0, spread, np.inf)
    return Variance(pairs, added, np.maximum(dof, min(n_pairs, n_groups) - 1))


def crossed_ratio(
    arm: Mapping[Pair, Floats],
    baseline: Mapping[Pair, Floats],
    groups: Sequence[Hashable] | None = None,
) -> CrossedRatio | None:
    """Compare two arms over the pairs that both have, on test structures that are a sample.

    The value is that of `paired_ratio` of the sums of errors; None if no pair is common to both.

    Parameters
    ----------
    arm, baseline
        Pair → (structures,), what each test structure adds to the error, ≥ 0, in one order for all:
        the sum of the absolute errors of its force components (``force_abs``), or its energy error
        per atom. So structures count as they do in the metric, and the value is the ratio of the
        MAEs.
    groups
        What each structure belongs to, if they are not independent of each other.

    Raises
    ------
    ValueError
        If not all pairs have the same number of structures, or not as many as ``groups``; if there
        are fewer than two groups, or a sum of errors is not positive.
    """
    units = matched(arm, baseline)
    if not units:
        return None
    errors = [each for some in units.values() for both in some for each in both]
    n_structures = len(errors[0])
    names = list(range(n_structures)) if groups is None else list(groups)
    if {len(names), *map(len, errors)} != {n_structures}:
        raise ValueError("pairs and groups have different numbers of test structures")
    labels = list(dict.fromkeys(names))
    if len(labels) < 2:
        raise ValueError("an interval over test structures needs at least two groups of them")
    member = np.array([[name == label for label in labels] for name in names], dtype=np.float64)
    logs, shares = [], []
    for some in units.values():
        ratios = [positive_log(ours.sum()) - positive_log(theirs.sum()) for ours, theirs in some]
        parts = [ours / ours.sum() - theirs / theirs.sum() for ours, theirs in some]
        logs.append(math.fsum(ratios) / len(ratios))
        shares.append(np.mean(parts, axis=0) @ member)
    mean, n_pairs = math.fsum(logs) / len(logs), len(logs)
    if n_pairs < MIN_PAIRS:
        return CrossedRatio(math.exp(mean), n_pairs, n_groups=len(labels))
    found = crossed_variance(np.array(logs), np.array(shares))
    error = math.sqrt(found.pairs + found.structures)
    reach = t_quantile(float(found.dof)) * error
    return CrossedRatio(
        value=math.exp(mean),
        n_pairs=n_pairs,
        interval=Interval(math.exp(mean - reach), math.exp(mean + reach)),
        p=p_value(mean, error, float(found.dof)),
        n_groups=len(labels),
        from_pairs=math.sqrt(found.pairs),
        from_structures=math.sqrt(found.structures),
    )
