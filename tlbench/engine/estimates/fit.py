"""A line through measured costs that a few odd ones do not bend."""

from itertools import combinations

import numpy as np

from tlbench.data.frames import Floats

SHORTEST = 0.05
"""Seconds below which it does not matter how wrong a cost is."""

MOST_ROWS = 300
_ROUNDS = 15
_CLEARLY_BETTER = 0.98
_LEAST_INDEPENDENT = 0.05


def fit_cost(amounts: Floats, seconds: Floats) -> Floats:
    """Return (start, rate of each amount), none negative, so that start + Σ rate × amount fits.

    The sum of |fitted - measured| / fitted is least, so for one amount of work it is the median.
    More than one of the coefficients differs from zero only where the jobs can tell them
    apart and it fits clearly better; alone, the first amount comes first.

    Parameters
    ----------
    amounts
        (n, k), of n jobs.
    seconds
        (n,)
    """
    amounts, seconds = amounts[:MOST_ROWS], seconds[:MOST_ROWS]
    columns = np.column_stack([np.ones(len(amounts)), amounts])
    n = columns.shape[1]
    distinct = len(np.unique(columns, axis=0))
    # The first amount, then the fixed part, then the others.
    order = [1, 0, *range(2, n)] if n > 1 else [0]
    best, least = np.zeros(n), np.inf
    for count in range(1, min(n, distinct) + 1):
        for some in combinations(order, count):
            found = _fit(columns[:, some], seconds)
            if found is None:
                continue
            fitted = np.maximum(columns[:, some] @ found, SHORTEST)
            loss = float(np.mean(np.abs(np.log(fitted / np.maximum(seconds, SHORTEST)))))
            if loss < _CLEARLY_BETTER * least - 1e-9:
                least, best = loss, np.zeros(n)
                best[list(some)] = found
    return best


def _fit(columns: Floats, seconds: Floats) -> Floats | None:
    """Return the coefficients of all columns; None if one is negative or not to be told apart."""
    size = np.sqrt(np.mean(columns**2, axis=0))
    if not size.all():
        return None
    columns = columns / size
    scale = np.maximum(seconds, SHORTEST)
    weight = 1 / scale
    singular = np.linalg.svd(columns * weight[:, None], compute_uv=False)
    if singular[-1] < _LEAST_INDEPENDENT * singular[0]:
        return None
    found: Floats = np.zeros(columns.shape[1])
    for _ in range(_ROUNDS):
        found[:] = np.linalg.lstsq(columns * weight[:, None], seconds * weight, rcond=None)[0]
        fitted = columns @ found
        scale = np.maximum(fitted, SHORTEST)
        off = np.maximum(np.abs(fitted - seconds), 1e-3 * scale)
        weight = 1 / np.sqrt(scale * off)
    if (found < 0).any():
        return None
    coefficients: Floats = found / size
    return coefficients
