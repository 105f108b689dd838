"""Where learning curves reach an error.

All functions take many curves at once, one a row, because each resample of a bootstrap has one.
"""

import numpy as np

from tlbench.metrics.spec import Floats
from tlbench.metrics.statistics.bootstrap import ROUNDING


def best_so_far(errors: Floats) -> Floats:
    """Return the lowest error with at most so many structures, (curves, sizes).

    A curve that rises somewhere is thereby made monotone. Isotonic regression would do so too,
    but levels a dip with the points around it: an arm as good as the baseline at the same size
    could then seem worth many times that size, because the levelled curve never comes down to
    it. This way the answer never contradicts the ratio at that size; chance dips of the
    baseline count in its favour.

    Parameters
    ----------
    errors
        (curves, sizes).
    """
    lowest: Floats = np.minimum.accumulate(errors, axis=1)
    return lowest


def crossing(log_sizes: Floats, curves: Floats, levels: Floats) -> Floats:
    """Return the smallest log size at which each curve is down to its level.

    Between sizes the curves are straight in log error over log size; beyond them nothing is
    known.

    Parameters
    ----------
    log_sizes
        (sizes,), ascending.
    curves
        (curves, sizes), log errors that do not increase.
    levels
        (curves,), log errors.

    Returns
    -------
    ndarray
        (curves,); inf for a curve that never comes down to its level, -inf for one that starts
        below it.
    """
    # Rounding must not turn an arm that equals the baseline at the last size into a better one.
    reached = curves <= levels[:, np.newaxis] + ROUNDING
    after = reached.argmax(axis=1)
    before = np.maximum(after - 1, 0)
    row = np.arange(len(curves))
    drop = curves[row, before] - curves[row, after]
    part = (curves[row, before] - levels) / np.where(drop > 0, drop, 1)
    found: Floats = log_sizes[before] + np.clip(part, 0, 1) * (log_sizes[after] - log_sizes[before])
    found[curves[:, 0] < levels - ROUNDING] = -np.inf
    found[~reached.any(axis=1)] = np.inf
    return found
