"""Paired comparison of arms: ratios, data multipliers, areas and tie groups, with intervals."""

from tlbench.metrics.statistics.area import area_ratio
from tlbench.metrics.statistics.bootstrap import MIN_PAIRS, Interval, bootstrap_seed
from tlbench.metrics.statistics.censoring import Bound, BoundInterval, Censoring
from tlbench.metrics.statistics.equivalence import EquivalentSize, equivalent_size
from tlbench.metrics.statistics.multiplier import Multiplier, data_multipliers
from tlbench.metrics.statistics.pairs import Curve, Pair, Table, geometric_mean
from tlbench.metrics.statistics.ratio import Ratio, paired_ratio
from tlbench.metrics.statistics.ties import Standing, tie_groups
from tlbench.metrics.statistics.verdict import NegativeTransfer, Verdict, negative_transfer, verdict

__all__ = [
    "MIN_PAIRS",
    "Bound",
    "BoundInterval",
    "Censoring",
    "Curve",
    "EquivalentSize",
    "Interval",
    "Multiplier",
    "NegativeTransfer",
    "Pair",
    "Ratio",
    "Standing",
    "Table",
    "Verdict",
    "area_ratio",
    "bootstrap_seed",
    "data_multipliers",
    "equivalent_size",
    "geometric_mean",
    "negative_transfer",
    "paired_ratio",
    "tie_groups",
    "verdict",
]
