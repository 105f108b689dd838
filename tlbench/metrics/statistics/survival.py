"""How long simulations last.

Replicas of one model share its weights, so the interval of a mean time is Student's, of the means
of models. Simulated coverage in per cent, nominally 95, where lifetimes are exponential and the
models' hazards lognormal of width σ (20,000 samples each; the hazard is that per horizon):

======== ==== ============== ============== =============== ===============
hazard   σ    3 models × 10  5 models × 10  10 models × 10  5 models × 100
======== ==== ============== ============== =============== ===============
3        0    95             95             95              95
3        1.5  90             92             94              92
1        0    95             95             95              95
1        1.5  91             93             95              93
0.1      0    92             92             93              95
0.1      1.5  89             84             86              81
======== ==== ============== ============== =============== ===============

It is too narrow where few models hold nearly all the failures.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tlbench.metrics.spec import Floats
from tlbench.metrics.statistics.interval import TAIL


@dataclass(frozen=True)
class Survival:
    """The Kaplan–Meier estimate of a survival function, a falling staircase.

    Attributes
    ----------
    times
        (steps,), ascending, the first 0 and the last the longest time observed.
    surviving
        (steps,), share that survives each time; it holds until the next.
    """

    times: Floats
    surviving: Floats

    def restricted_mean(self, horizon: float) -> float:
        """Return the restricted mean survival time: the area under the curve up to ``horizon``.

        It is the mean of min(lifetime, horizon), which is known where the mean lifetime is not
        (Royston & Parmar, *BMC Medical Research Methodology* 13, 152, 2013).

        Raises
        ------
        ValueError
            If some survive the longest time observed and ``horizon`` lies beyond it.
        """
        if horizon > self.times[-1] and self.surviving[-1] > 0:
            raise ValueError(
                f"survival beyond {horizon} is unknown: the longest time observed is "
                f"{self.times[-1]}"
            )
        ends = np.minimum(np.append(self.times[1:], max(horizon, self.times[-1])), horizon)
        return float(self.surviving @ np.maximum(ends - self.times, 0))


def kaplan_meier(times: Sequence[float], failed: Sequence[bool]) -> Survival:
    """Return the Kaplan–Meier estimate from lifetimes some of which are right-censored.

    At each time at which someone fails, the share that survives is multiplied by
    1 - failures / number at risk; who is censored at that time is still at risk (Kaplan &
    Meier, *J. Am. Stat. Assoc.* 53, 457, 1958).

    Parameters
    ----------
    times
        How long each was observed, ≥ 0.
    failed
        Whether it failed then. If not, it is only known to live longer, as a simulation is that
        is still stable at its end.

    Raises
    ------
    ValueError
        If there are none, or not as many fates as times.
    """
    from scipy.stats import CensoredData, ecdf

    observed, dead = np.asarray(times, dtype=np.float64), np.asarray(failed, dtype=bool)
    if not observed.size or observed.shape != dead.shape:
        raise ValueError(f"{observed.size} times and {dead.size} fates make no survival curve")
    sample = CensoredData(uncensored=observed[dead], right=observed[~dead])
    estimate = ecdf(sample).sf
    return Survival(
        np.concatenate([[0.0], estimate.quantiles]),
        np.concatenate([[1.0], estimate.probabilities]),
    )


@dataclass(frozen=True)
class MeanTime:
    """A restricted mean survival time.

    Attributes
    ----------
    value
        Mean over models.
    interval
        Its 95 % interval; None for a single model, and where the means of all models are equal,
        as where every replica survives: their scatter then says nothing.
    """

    value: float
    interval: tuple[float, float] | None


def mean_survival_time(models: Sequence[Survival], horizon: float) -> MeanTime:
    """Return the restricted mean survival time up to ``horizon`` of an arm of several models.

    Raises
    ------
    ValueError
        If there is no model, or of one it is not known who survives to the horizon.
    """
    from scipy.special import stdtrit

    means = np.array([model.restricted_mean(horizon) for model in models])
    if not len(means):
        raise ValueError("no model has no mean survival time")
    value, n = float(means.mean()), len(means)
    if n < 2 or np.ptp(means) <= 1e-9 * horizon:
        return MeanTime(value, None)
    reach = float(stdtrit(n - 1, 1 - TAIL)) * float(means.std(ddof=1)) / math.sqrt(n)
    return MeanTime(value, (max(0.0, value - reach), min(horizon, value + reach)))
