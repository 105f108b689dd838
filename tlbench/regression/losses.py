"""Which numbers got worse, beyond tolerance and noise: the statistics of ``tlbench check``.

A value got worse if it lost more than its metric's tolerance **and** more than noise explains. The
loss of a model is the log ratio of its value to the baseline's, or the difference for rates; above
0 is worse. Tested are single *places* (one metric, data, backbone, arm, size and condition), and
*backbones*: the mean over all places of one metric and backbone on whole test sets. Many small
losses that chance could explain one by one cannot all be chance.

The unit is the (subset seed, init seed) pair, as everywhere. But where a run has **several init
seeds, all pairs of one init seed are one unit**, the mean of their losses: they share initial
weights and the source model. In the smoke suite, init seeds carry mostly more than 90 % of the
variance between pairs, so pairs that share one repeat each other.

A place has few units, often two. The scatter of units about their place's mean is therefore pooled
over the places of one backbone, metric and condition, and the test is Student's, one-sided, against
no change, with pooled degrees of freedom. Two safeguards:

- Where units are init seeds, sizes of one arm add no degrees of freedom to each other: their
  losses are correlated, in the smoke suite mostly by more than 0.9. Those of subsets of one init
  seed are by 0.2 on average, and at two budgets of one arm by 0.5, so there each place counts:
  simulated with such correlations, alarms by chance stay at the level.
- A place that scatters more than the pool is tested with its own scatter and degrees of freedom.

The standard error of a backbone's mean is the mean of those of its places, as if these were fully
correlated, which is the largest that it can be.

The level is 5 % for *all* comparisons of one check: half of it for backbones and half for places,
each with Holm's correction. With conditions the smoke suite has 6 and 132 of them. Where no place
has two units, nothing can be said of noise: the tolerance alone decides, and the check says so.
How often that raises an alarm, and what it does not see, is in ``benchmarks/README.md``.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tlbench.metrics import METRICS
from tlbench.metrics.statistics import holm
from tlbench.metrics.statistics.interval import ROUNDING
from tlbench.regression.table import PLACE, SEEDS
from tlbench.report.claims import LEVEL
from tlbench.report.wording import condition_text
from tlbench.study.plan import PRETRAIN
from tlbench.transfer import starts_from_source

if TYPE_CHECKING:
    from pandas import DataFrame, Series

FAMILIES = 2
"""Single places and whole backbones are tested each at this part of the level."""


@dataclass(frozen=True)
class Loss:
    """The change of one place, or of all places of a backbone together.

    Attributes
    ----------
    models, condition
        Which models it is measured on, and over which structures; both in words, as are ``change``
        (a factor or a difference), ``allowed`` (what may be lost) and ``confidence``.
    value
        Mean log ratio or difference, above 0 if worse.
    chance
        Its p-value, adjusted for everything that is tested; NaN if noise cannot be estimated.
    worse
        Whether it got worse beyond tolerance and noise.
    of_backbone
        Whether it is that of all places of a backbone.
    """

    backbone: str
    metric: str
    models: str
    condition: str
    value: float
    chance: float
    change: str
    allowed: str
    confidence: str
    worse: bool
    of_backbone: bool

    @property
    def name(self) -> str:
        """What is tested, with its metric."""
        return f"{self.models}: {self.metric}" + (f" ({self.condition})" if self.condition else "")

    def sentence(self) -> str:
        """Return it in words."""
        sure = (
            "the noise is unknown, so the tolerance alone decides"
            if math.isnan(self.chance)
            else f"confidence {self.confidence}"
        )
        return f"{self.name} {self.change} (tolerance {self.allowed}; {sure})"


def losses_of(shared: "DataFrame", tolerances: Mapping[str, float]) -> list[Loss]:
    """Return the change of every backbone, then of every place.

    Parameters
    ----------
    shared
        Of a `Pairing` of the run, first, and the baseline.
    tolerances
        Metric → what may be lost, instead of its own tolerance.

    Raises
    ------
    UnknownNameError
        If a metric is not known.
    """
    places, backbones = student_tests(with_losses(_each_once(shared)))
    return [
        _loss(row, chance, tolerances.get(row["metric"]))
        for table in (backbones, places)
        for row, chance in zip(table.to_dict("records"), adjusted(table["chance"]), strict=True)
    ]


def _each_once(shared: "DataFrame") -> "DataFrame":
    """Leave out what is of the same models: those from scratch are the same for every source."""
    starts = np.array([n == PRETRAIN or starts_from_source(n) for n in shared["strategy"]], bool)
    own = shared.assign(**{name: shared[name].where(starts) for name in ("source", "source_part")})
    return shared[~own.duplicated([*PLACE, *SEEDS, "first", "second"])]


def _loss(row: Mapping[Any, Any], chance: float, tolerance: float | None) -> Loss:
    spec, value, n_places = METRICS.get(row["metric"]), row["value"], row.get("n_places")
    tolerance = spec.tolerance if tolerance is None else tolerance
    signed = -value if spec.better == "higher" else value
    if spec.compared == "ratio":
        change = f"× {math.exp(signed):.3f}" if math.isfinite(signed) else "from or to 0"
        allowed, limit = f"{100 * tolerance:g} %", math.log1p(tolerance)
    else:
        change, allowed, limit = f"{signed:+.3f}", f"{tolerance:g}", tolerance
    if math.isnan(chance):
        confidence = "noise unknown"
    elif chance < 1e-4:
        confidence = "> 99.99 %"
    else:
        confidence = f"{100 * (1 - chance):.{2 if chance < 0.01 else 0}f} %"
    return Loss(
        backbone=row["backbone"],
        metric=row["metric"],
        models=f"{row['backbone']}, all {n_places} places" if n_places else row["models"],
        condition=condition_text(row["condition"]) if row["condition"] else "",
        value=value,
        chance=chance,
        change=change,
        allowed=allowed,
        confidence=confidence,
        worse=value > limit and not chance > LEVEL,
        of_backbone=bool(n_places),
    )


def with_losses(shared: "DataFrame") -> Any:
    """Return ``shared`` with the columns ``loss``, ``group``, ``unit`` and ``arm``.

    The loss is a log ratio or a difference, above 0 if worse, and infinite where a value that has
    no logarithm changed. A group scatters alike; losses of one unit, and places of one arm, are not
    independent.
    """
    specs = {name: METRICS.get(name) for name in shared["metric"].unique()}
    rate = shared["metric"].map(lambda name: specs[name].compared == "difference")
    sign = shared["metric"].map(lambda name: -1 if specs[name].better == "higher" else 1)
    signed = shared["metric"].map(lambda name: specs[name].better == "nearer to 0")
    first, second = (shared[s].where(~signed, shared[s].abs()) for s in ("first", "second"))
    change = first - second
    positive = (first > 0) & (second > 0)
    logs: Any = np.log(first.where(positive, 1.0) / second.where(positive, 1.0))
    ratio = logs.where(positive | (change == 0), np.copysign(math.inf, change))
    scattering = shared.groupby(["backbone", "metric", "condition"], sort=False)
    arms = shared.groupby(["source", "source_part", "target", "strategy"], dropna=False)
    several = scattering["init_seed"].transform("nunique") > 1
    return shared.assign(
        loss=sign * change.where(rate, ratio),
        rate=rate,
        group=scattering.ngroup(),
        unit=shared["init_seed"].where(
            several & shared["init_seed"].notna(), -1 - np.arange(len(shared))
        ),
        arm=arms.ngroup().where(several, -1 - shared["place"]),
    )


def student_tests(losses: Any) -> "tuple[DataFrame, DataFrame]":
    """Return places and backbones with ``value``, their mean loss, and ``chance``, its p-value.

    Parameters
    ----------
    losses
        A row for every number, with the columns that `with_losses` adds.
    """
    finite = np.isfinite(losses["loss"]).groupby(losses["place"]).transform("all")
    units = losses[finite].groupby(["place", "unit"])["loss"].mean()
    places = losses.groupby("place").first()
    places = places.join(units.groupby("place").agg(mean="mean", std="std", n_units="size"))
    # Of what has no ratio, the direction is all that is known.
    places["value"] = places["mean"].fillna(losses.groupby("place")["loss"].max())
    free, scatter = places["n_units"] - 1, places["std"].fillna(0.0)
    squares = (free * scatter**2).groupby(places["group"]).sum()
    total = free.groupby(places["group"]).sum()
    freedom = free.groupby([places["group"], places["arm"]]).max().groupby("group").sum()
    # Rates that do not scatter at all have too few replicas to show it.
    blind = places.groupby("group")["rate"].first() & (squares < ROUNDING**2)
    deviation: Any = np.sqrt(squares / total)
    pooled = deviation.where((freedom > 0) & ~blind)
    pooled, freedom = places["group"].map(pooled), places["group"].map(freedom)
    alone = scatter > pooled
    error = scatter.where(alone, pooled) / np.sqrt(places["n_units"])
    places["chance"] = _p_values(places["value"], error, free.where(alone, freedom))
    places = places.assign(error=pooled / np.sqrt(places["n_units"]), freedom=freedom)
    whole = places[~places["condition"].map(bool) & places["mean"].notna()].groupby("group")
    backbones = whole.first().assign(n_places=whole.size())
    backbones = backbones[backbones["n_places"] > 1].copy()
    means = whole[["value", "error", "freedom"]].mean().loc[backbones.index]
    backbones["value"] = means["value"]
    backbones["chance"] = _p_values(*(means[name] for name in means))
    order = places.assign(finite=places["mean"].notna())
    return order.sort_values(["group", "finite"], kind="stable"), backbones


def _p_values(value: Any, error: Any, freedom: Any) -> Any:
    """Return one-sided p-values of losses; NaN where the standard error is."""
    from scipy.special import stdtr

    chance: Any = stdtr(freedom, -value / error.where(error > 0)).where(error > 0, 0.0)
    # Too near to 0 for the quotient to mean anything.
    return chance.where(value > ROUNDING, 1.0).where(error.notna())


def adjusted(chance: "Series[float]") -> "Series[float]":
    """Return p-values of places or of backbones adjusted for everything that is tested at once.

    Those that are not known, NaN, are not counted.
    """
    known = holm(chance.dropna().to_dict())
    return (FAMILIES * chance.index.to_series().map(known)).clip(upper=1.0)
