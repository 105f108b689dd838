"""What may be said of a ratio."""

from typing import Literal

from tlbench.metrics.statistics.bootstrap import ROUNDING
from tlbench.metrics.statistics.ratio import Ratio

Verdict = Literal["gain", "loss", "undecided", "too few pairs"]
"""Of an arm against the baseline; "loss" is negative transfer."""

NegativeTransfer = Literal["", "seen", "significant"]
"""Whether an arm did worse than the baseline, and whether that may be chance."""

_VERDICTS: dict[int, Verdict] = {-1: "gain", 0: "undecided", 1: "loss"}


def verdict(ratio: Ratio) -> Verdict:
    """Return on which side of 1 the 95 % interval lies, if there is one.

    A claim of either kind is made in about 5 % of comparisons of arms that do not differ. That
    holds for each comparison by itself: among twenty of them, one false claim is expected.
    """
    if ratio.interval is None:
        return "too few pairs"
    return _VERDICTS[ratio.interval.side()]


def negative_transfer(ratio: Ratio) -> NegativeTransfer:
    """Return "significant" for a loss, "seen" where the arm was worse but chance may explain it."""
    if verdict(ratio) == "loss":
        return "significant"
    return "seen" if ratio.value > 1 + ROUNDING else ""
