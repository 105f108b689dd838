"""How many structures the baseline needs for the error that an arm has with fewer.

Simulated coverage of the interval in per cent, nominally 95, by the true answer and the number of
pairs, for errors that fall as N^-0.3 over 1, 10, 40, 100 and 195 structures with normal log errors
of width 0.1, and an arm that has as much (20,000 samples each, so ±0.3; tests repeat some of them):

================ ====== ====== ======
structures          3      5     10
================ ====== ====== ======
20                 95.4   95.4   95.2
40                 95.3   95.1   95.2
================ ====== ====== ======
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tlbench.metrics.spec import Floats
from tlbench.metrics.statistics.interval import MIN_PAIRS, ROUNDING, mean_interval
from tlbench.metrics.statistics.ratio import Curve, Table, complete, log_ratios

Censoring = Literal["", ">", "<"]
"""Whether a number is known, or known only to be above or below the value given."""


@dataclass(frozen=True)
class Bound:
    """A number of structures: ``value``, or what it is known to be above or below."""

    value: float
    censored: Censoring = ""

    def text(self) -> str:
        """Return it as ``23``, ``3.5`` or ``> 195``."""
        digits = 0 if self.value >= 10 or self.censored else 1
        return f"{self.censored} {self.value:.{digits}f}".strip()


@dataclass(frozen=True)
class EquivalentSize:
    """The smallest size at which the baseline reaches the error of an arm.

    Attributes
    ----------
    size
        The size, or the end of the measured range beyond which it lies.
    n_pairs
        Independent pairs it is taken over.
    interval
        Ends of its 95 % interval; None below `MIN_PAIRS` pairs.
    """

    size: Bound
    n_pairs: int
    interval: tuple[Bound, Bound] | None

    def text(self) -> str:
        """Return the size with its interval, as ``47 [20, > 195]``."""
        text, ends = self.size.text(), [end.text() for end in self.interval or ()]
        return text if set(ends) <= {text} else f"{text} [{', '.join(ends)}]"


def equivalent_size(arm: Table, baseline: Curve) -> EquivalentSize | None:
    """Return how many structures the baseline needs to reach the error of ``arm``.

    Each pair's log errors of the baseline are joined by straight lines over log N, so that at any
    N between the measured sizes the arm's log ratio to the baseline has a mean and Student's
    interval. The size is the smallest N at which the mean is not below 0. Its interval is that of
    all N at which the baseline cannot be distinguished from the arm, that is, from where the upper
    end of the interval of the log ratio is not below 0 to where the lower end is not (Fieller,
    *J. Roy. Stat. Soc. B* 16, 175, 1954), so it never contradicts the ratio at a measured size.
    Outside the measured range the answer is censored, never extrapolated: ``> 195`` if the
    baseline is still worse with 195 structures.

    Parameters
    ----------
    arm
        Pair → positive error, at one size or without target data.
    baseline
        Size → pair → positive error. Sizes are above 0; only pairs that have every size count.

    Returns
    -------
    EquivalentSize or None
        None if no pair that has every size matches one of the arm's.

    Raises
    ------
    ValueError
        If an error is not positive.
    """
    sizes = sorted(size for size in baseline if size > 0)
    if not sizes:
        return None
    ratios = [log_ratios(arm, table) for table in complete(baseline, sizes)]
    # Shape (sizes, units).
    logs = np.array([list(at_size.values()) for at_size in ratios])
    if not logs.size:
        return None
    size, n_pairs = _crossing(sizes, logs, 0), logs.shape[1]
    if n_pairs < MIN_PAIRS:
        return EquivalentSize(size, n_pairs, None)
    return EquivalentSize(size, n_pairs, (_crossing(sizes, logs, 1), _crossing(sizes, logs, -1)))


def equivalent_sizes(arm: Curve, baseline: Curve) -> dict[int, EquivalentSize]:
    """Return the equivalent size of an arm at each of its sizes where it has one, ascending."""
    found = {size: equivalent_size(arm[size], baseline) for size in sorted(arm)}
    return {size: each for size, each in found.items() if each}


def _crossing(sizes: list[int], logs: Floats, end: int) -> Bound:
    """Return where the mean log ratio (``end`` 0), or an end of its interval, comes up to 0."""
    from scipy.optimize import brentq

    def height(values: Floats) -> float:
        low, high = mean_interval(values) if end else (values.mean(), values.mean())
        return float(high if end > 0 else low)

    heights = [height(values) for values in logs]
    reached = [number for number, each in enumerate(heights) if each >= -ROUNDING]
    if not reached:
        return Bound(sizes[-1], ">")
    after = reached[0]
    if after == 0:
        return Bound(sizes[0], "<" if heights[0] > ROUNDING else "")
    if heights[after] <= 0:
        return Bound(sizes[after])
    before, step = logs[after - 1], logs[after] - logs[after - 1]
    part = brentq(lambda u: height(before + u * step), 0, 1)
    low, high = math.log(sizes[after - 1]), math.log(sizes[after])
    return Bound(math.exp(low + part * (high - low)))
