"""Comparison of arms, and what predicts it, with intervals."""

from tlbench.metrics.statistics.association import (
    MIN_GROUPS,
    Association,
    association,
    null_correlations,
)
from tlbench.metrics.statistics.interval import MIN_PAIRS, Interval
from tlbench.metrics.statistics.rate import (
    Difference,
    Rate,
    clustered_rate,
    paired_difference,
    unpaired_interval,
    wilson_interval,
)
from tlbench.metrics.statistics.ratio import (
    Curve,
    NegativeTransfer,
    Pair,
    Ratio,
    Table,
    Verdict,
    area_ratio,
    geometric_mean,
    negative_transfer,
    paired_ratio,
    verdict,
)
from tlbench.metrics.statistics.survival import (
    MeanTime,
    Survival,
    kaplan_meier,
    mean_survival_time,
)
from tlbench.metrics.statistics.ties import Standing, tie_groups

__all__ = [
    "MIN_GROUPS",
    "MIN_PAIRS",
    "Association",
    "Curve",
    "Difference",
    "Interval",
    "MeanTime",
    "NegativeTransfer",
    "Pair",
    "Rate",
    "Ratio",
    "Standing",
    "Survival",
    "Table",
    "Verdict",
    "area_ratio",
    "association",
    "clustered_rate",
    "geometric_mean",
    "kaplan_meier",
    "mean_survival_time",
    "negative_transfer",
    "null_correlations",
    "paired_difference",
    "paired_ratio",
    "tie_groups",
    "unpaired_interval",
    "verdict",
    "wilson_interval",
]
