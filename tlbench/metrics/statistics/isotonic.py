"""Learning curves made monotone, and where they reach an error.

All functions take many curves at once, one a row, because each resample of a bootstrap has one.
"""

import numpy as np

from tlbench.metrics.spec import Floats
from tlbench.metrics.statistics.bootstrap import ROUNDING


def non_increasing(values: Floats, weights: Floats) -> Floats:
    """Return the non-increasing curves nearest to ``values`` by weighted least squares.

    By the max-min formula of isotonic regression (Robertson, Wright & Dykstra, *Order Restricted
    Statistical Inference*, 1988, ch. 1), g_i = min_{j≤i} max_{k≥i} mean(j…k). It is
    quadratic in the number of sizes, which are few, but fits every row at once, where
    `scipy.optimize.isotonic_regression` takes one at a time.

    Parameters
    ----------
    values, weights
        (curves, sizes); weights are positive.

    Returns
    -------
    ndarray
        The fit, (curves, sizes).
    """
    n_sizes = values.shape[1]
    fit = np.full(values.shape, np.inf)
    for first in range(n_sizes):
        total = np.cumsum((values * weights)[:, first:], axis=1)
        means = total / np.cumsum(weights[:, first:], axis=1)
        highest = np.maximum.accumulate(means[:, ::-1], axis=1)[:, ::-1]
        fit[:, first:] = np.minimum(fit[:, first:], highest)
    return fit


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
