"""Comparison of arms, and what predicts it, with intervals."""

from tlbench.metrics.statistics.association import (
    MIN_GROUPS,
    Association,
    association,
    null_correlations,
)
from tlbench.metrics.statistics.convergence import CONVERGED, RULE, Convergence, convergence
from tlbench.metrics.statistics.equivalence import (
    Bound,
    EquivalentSize,
    equivalent_size,
    equivalent_sizes,
)
from tlbench.metrics.statistics.hypotheses import holm
from tlbench.metrics.statistics.interval import MIN_PAIRS, Interval
from tlbench.metrics.statistics.random_effects import CrossedRatio, crossed_ratio
from tlbench.metrics.statistics.rate import (
    Difference,
    Rate,
    clustered_rate,
    paired_difference,
    unpaired_interval,
    wilson_interval,
)
from tlbench.metrics.statistics.ratio import (
    FIXED,
    Curve,
    NegativeTransfer,
    Pair,
    Ratio,
    Table,
    Verdict,
    area_ratio,
    geometric_mean,
    model_of,
    negative_transfer,
    over_shared,
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
    "CONVERGED",
    "FIXED",
    "MIN_GROUPS",
    "MIN_PAIRS",
    "RULE",
    "Association",
    "Bound",
    "Convergence",
    "CrossedRatio",
    "Curve",
    "Difference",
    "EquivalentSize",
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
    "convergence",
    "crossed_ratio",
    "equivalent_size",
    "equivalent_sizes",
    "geometric_mean",
    "holm",
    "kaplan_meier",
    "mean_survival_time",
    "model_of",
    "negative_transfer",
    "null_correlations",
    "over_shared",
    "paired_difference",
    "paired_ratio",
    "tie_groups",
    "unpaired_interval",
    "verdict",
    "wilson_interval",
]
