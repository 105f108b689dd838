"""How much of a change is chance: the statistics of ``tlbench check``.

The rule
--------
A value got worse if it lost more than its metric's tolerance **and** more than noise explains. The
loss of a model is the log ratio of its value to the baseline's, or the difference for rates; above
0 is worse. Judged are single *places* (one metric, data, backbone, arm, size and condition), and
*backbones*: the mean over all places of one metric and backbone on whole test sets. Many small
losses that chance could explain one by one cannot all be chance.

The unit is the (subset seed, init seed) pair, as everywhere. But where a run has **several init
seeds, all pairs of one init seed are one unit**, the mean of their losses: they share initial
weights and the source model. In the smoke suite, init seeds carry mostly more than 90 % of the
variance between pairs, so pairs that share one repeat each other.

A place has few units, often two. The scatter of units about their place's mean is therefore pooled
over the places of one backbone, metric and condition, and the test is Student's, one-sided, against
no change, with pooled degrees of freedom. Two safeguards:

- Where units are init seeds, sizes of one arm add no degrees of freedom to each other: their
  losses are correlated, in the smoke suite mostly by more than 0.9. Those of subsets of one init
  seed are by 0.2 on average, so there each place counts.
- A place that scatters more than the pool is judged by its own scatter and degrees of freedom.

The standard error of a backbone's mean is the mean of those of its places, as if these were fully
correlated, which is the largest that it can be.

The level is 5 % for *all* comparisons of one check: half of it for backbones and half for places,
each with Holm's correction. With conditions the smoke suite has 6 and 102 of them. Where no place
has two units, nothing can be said of noise: the tolerance alone decides, and the check says so.

What it does
------------
Simulated in the layout of the smoke suite (two backbones, three metrics, three conditions, six
places, of which two have one unit; 1,000 checks each, so within 1.4 %), with normal noise. *Alike*:
all places scatter alike; *uneven*: one arm three times as much. Share of checks with an alarm where
nothing changed, in per cent, without a tolerance; one of 10 % takes hardly any away:

======================================================== ===== ======
units                                                    alike uneven
======================================================== ===== ======
2 subsets of one init seed, independent places           2     3
the same, places correlated as in the smoke suite        3     5
the same, correlated as if weights were drawn anew       10    14
2 init seeds, sizes of an arm correlated by 0.95         1     6
4 init seeds, sizes of an arm correlated by 0.95         2     10
======================================================== ===== ======

Share of checks that name a backbone whose errors are all 20 % larger, by the standard deviation of
a log ratio (alike / uneven):

============== ========= ======== ======== ======== ======= =======
units          0.02      0.03     0.05     0.07     0.10    0.15
============== ========= ======== ======== ======== ======= =======
2 subsets      100 / 99  100 / 89 97 / 46  76 / 25  39 / 12 16 / 7
2 init seeds   100 / 100 100 / 99 99 / 78  84 / 50  46 / 27 19 / 14
4 init seeds   100 / 100 100/100  100/100  100 / 95 100/61  81 / 28
============== ========= ======== ======== ======== ======= =======

Changes of the smoke suite that leave the initial weights as they are (fewer updates, a lower
learning rate, a smaller cutoff) scatter by 0.01 to 0.04 in force errors and 0.03 to 0.12 in
energies; other batches change errors by 2 % at most and raise no alarm.

What it does not know
---------------------
Pairs only show the noise that differs between them.

- **One init seed, and a change that draws other initial weights.** All models move together, and
  nothing shows by how much. With real models of the smoke suite 59 % of such changes raised an
  alarm (200 draws); with 2, 3 and 4 init seeds on either side 6, 4 and 4 % did. A check of models
  with one init seed says so. After a change of random numbers, make a new baseline.
- **Other structures.** All models are tested on the same ones. Sampling by dynamics is chaotic, so
  two machines can have different data sets from one card; with other seeds for the data of the
  smoke suite, 34 % of checks raised an alarm (156 pairs of runs), because a test set of 8
  structures is harder or easier for all by 7 to 10 %. The smoke suite itself samples for under
  1 ps, too short for chaos: with other vector instructions, without compiled kernels, or with both,
  its numbers change by less than 0.001 %. Baselines of longer samplings belong to one kind of
  machine, or to data that are fetched.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from tlbench.metrics.spec import Floats
from tlbench.metrics.statistics.bootstrap import ROUNDING

LEVEL = 0.05
"""How often a check may raise an alarm if nothing got worse."""

FAMILIES = 2
"""Single places and whole backbones are judged each at this part of the level."""

Key = TypeVar("Key")


@dataclass(frozen=True)
class Loss:
    """How much worse one thing became, and how likely chance is to do that.

    Attributes
    ----------
    value
        Mean log ratio or difference, above 0 if worse.
    n_units
        How many independent units it is a mean of, at most of any of its places.
    p_value
        One-sided; None if the noise cannot be estimated.
    """

    value: float
    n_units: int
    p_value: float | None


@dataclass(frozen=True)
class Group:
    """The losses of every place that scatters alike, and of all of them together."""

    places: list[Loss]
    whole: Loss


def group_losses(
    places: Sequence[Floats], arms: Sequence[Hashable], discrete: bool = False
) -> Group:
    """Return how much worse each place of one backbone, metric and condition became.

    Parameters
    ----------
    places
        For each place the loss of every independent unit, (units,).
    arms
        For each place what its scatter is shared with; places of one arm add no degrees of
        freedom to each other.
    discrete
        Whether values are rates: then no scatter at all means that there are too few replicas to
        see any, not that there is no noise.
    """
    per_arm: dict[Hashable, int] = {}
    for arm, losses in zip(arms, places, strict=True):
        per_arm[arm] = max(per_arm.get(arm, 0), len(losses) - 1)
    freedom = sum(per_arm.values())
    squares = sum(float(np.square(losses - losses.mean()).sum()) for losses in places)
    known = freedom > 0 and not (discrete and squares < ROUNDING**2)
    pooled = math.sqrt(squares / sum(len(losses) - 1 for losses in places)) if known else math.nan
    whole = _loss(
        float(np.mean([losses.mean() for losses in places])),
        pooled * float(np.mean([1 / math.sqrt(len(losses)) for losses in places])),
        freedom,
        max(map(len, places)),
    )
    return Group([_of_place(losses, pooled, freedom) for losses in places], whole)


def _of_place(losses: Floats, pooled: float, freedom: int) -> Loss:
    """Return the loss of one place by the pooled scatter, or by its own if that is larger."""
    n_units = len(losses)
    own = float(losses.std(ddof=1)) if n_units > 1 else 0.0
    scatter, free = (own, n_units - 1) if own > pooled else (pooled, freedom)
    return _loss(float(losses.mean()), scatter / math.sqrt(n_units), free, n_units)


def _loss(value: float, error: float, freedom: int, n_units: int) -> Loss:
    """Return a loss whose standard error is ``error``; NaN if that is not known."""
    from scipy.special import stdtr

    if math.isnan(error):
        return Loss(value, n_units, None)
    if value <= ROUNDING:
        # Too near to 0 for the quotient to mean anything.
        return Loss(value, n_units, 1.0)
    if error == 0:
        return Loss(value, n_units, 0.0)
    return Loss(value, n_units, float(stdtr(freedom, -value / error)))


def holm(p_values: Mapping[Key, float]) -> dict[Key, float]:
    """Return p-values adjusted for their number (Holm, *Scand. J. Stat.* 6, 65, 1979)."""
    found: dict[Key, float] = {}
    highest = 0.0
    for rank, (key, p_value) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_value))
        found[key] = highest
    return found
