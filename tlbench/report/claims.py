"""When a difference between errors is claimed, wherever results are put into words."""

from typing import Literal

from tlbench.metrics.statistics import CONVERGED, Ratio

CLAIM_PAIRS = 5
"""With fewer pairs there is no interval of a start or of a correlation, and nothing is claimed."""

LEVEL = 0.05
"""Level of all tests that one statement rests on, together (see `holm`)."""


def has_pairs_for_claim(ratio: Ratio) -> bool:
    """Return whether there are pairs enough to claim a difference."""
    return ratio.interval is not None and ratio.n_pairs >= CLAIM_PAIRS


def difference(
    ratio: Ratio, p: float | None, least: float = CONVERGED
) -> Literal["lower", "higher", "same"]:
    """Return whether an error is lower or higher by more than 3 %, beyond chance.

    Parameters
    ----------
    ratio
        Of the error to the one it is compared with.
    p
        p value of the ratio after Holm's correction; None where there are too few pairs.
    least
        By how much it has to be lower, instead of 3 %.
    """
    if ratio.interval is None or p is None or p >= LEVEL:
        return "same"
    if ratio.interval.high < 1 - least:
        return "lower"
    return "higher" if ratio.interval.low > 1 / (1 - least) else "same"
