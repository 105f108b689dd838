"""What an arm gained over scratch at each budget, and whether that outlasts training.

An arm may learn faster without ending better, so a ratio below 1 at one budget is not a gain by
itself. Only where both the arm and scratch are converged, by the rule of
`tlbench.metrics.statistics.convergence`, does their ratio at the largest budget compare the errors
that they end at; anywhere else it compares how fast they learn. Scratch is not converged where
training it for as long as pretraining and fine-tuning together still lowers its error.

A difference is claimed only beyond the share by which converged errors may still fall, and with a p
value below 0.05 after Holm's correction for all arms and training sets. Where the error of either
rises with more updates, last weights depend on when training stopped, and those of the lowest
validation error are compared.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from tlbench.metrics import has_logarithm
from tlbench.metrics.conditions import ConditionKey
from tlbench.metrics.statistics import CONVERGED, Convergence, Ratio, convergence, holm
from tlbench.report.analysis import arm_cells
from tlbench.report.claims import difference, has_pairs_for_claim
from tlbench.report.rows import Row, ratio_between
from tlbench.report.wording import BASELINE
from tlbench.study.model_key import Place, Transfer
from tlbench.transfer import STRATEGIES, arm

Ending = Literal["lower", "higher", "same", "too few pairs", "not converged"]
"""The error of an arm at the largest budget beside that of scratch, where both are converged;
"same" means that chance, or what convergence leaves open, may explain the difference."""

BEST: ConditionKey = (("weights", "best"),)

Series = tuple[str, ConditionKey, Transfer, Place]
"""Metric, test structures, transfer, and arm without its budget."""


def series_of(row: Row) -> Series:
    """Return what rows have in common that differ in nothing but their budget."""
    return row.metric, row.tested, row.transfer, row.place.replace(updates=None)


def is_arm(place: Place) -> bool:
    """Return whether models are compared with those from scratch after as many updates.

    That is not so of scratch itself, of what trains longer, and of what does not train; nothing
    more is known of a strategy that is not installed.
    """
    return not is_from_scratch(place) and (not _is_known(place) or arm(place.strategy).trains)


def is_from_scratch(place: Place) -> bool:
    """Return whether models are from scratch, as long as others or longer."""
    is_longer = _is_known(place) and arm(place.strategy).compute_matched
    return place.strategy == BASELINE or is_longer


def _is_known(place: Place) -> bool:
    return place.strategy.partition("+")[0] in STRATEGIES


def by_budget(rows: Iterable[Row]) -> dict[Series, dict[int, Row]]:
    """Return the rows of each series by budget, ascending; rows without a budget are left out."""
    found: dict[Series, dict[int, Row]] = {}
    for row in sorted(rows, key=lambda row: row.place.updates or 0):
        if row.place.updates is not None:
            found.setdefault(series_of(row), {})[row.place.updates] = row
    return found


def largest_budget(rows: Iterable[Row]) -> int:
    """Return the most updates of any of the rows; 0 without a budget."""
    return max((row.place.updates or 0 for row in rows), default=0)


def arm_lines(series: Iterable[Series]) -> dict[Series, dict[str, str]]:
    """Return the first cells of the line of each series: transfer if there are several, and arm."""
    series = list(series)
    places = arm_cells(each[3] for each in series)
    several = len({each[2] for each in series}) > 1
    return {
        each: ({"transfer": each[2].label()} if several else {}) | places[each[3]]
        for each in series
    }


def convergences(rows: Iterable[Row]) -> dict[Series, Convergence]:
    """Return how far each trained arm is converged, from its two largest budgets.

    Arms of one budget, or without a pair that has both, are left out, and what has no ratios, as
    rates and errors with a sign.
    """
    found = {}
    some = [row for row in rows if row.trained and has_logarithm(row.metric)]
    for series, budgets in by_budget(some).items():
        each = convergence({updates: row.values for updates, row in budgets.items()})
        if each is not None:
            found[series] = each
    return found


def trained_longer(rows: Iterable[Row]) -> dict[Series, Row]:
    """Return the models that train longest from scratch, by the series of scratch beside them."""
    return {
        (*series_of(row)[:3], series_of(row)[3].scratch): row
        for row in rows
        if row.trained and arm(row.place.strategy).compute_matched
    }


def still_falling(rows: Iterable[Row]) -> set[Series]:
    """Return the series of scratch whose error training for still longer lowers."""
    longer = trained_longer(rows)
    return {key for key, row in longer.items() if row.ratio and row.ratio.value <= 1 - CONVERGED}


def settled(rows: Iterable[Row]) -> set[Series]:
    """Return the series that are converged and do not rise, as does scratch beside them."""
    rows = list(rows)
    known = {s for s, each in convergences(rows).items() if each.state == "converged"}
    known -= still_falling(rows)
    return {each for each in known if (*each[:3], each[3].scratch) in known}


@dataclass(frozen=True)
class Outcome:
    """What one arm gains over scratch with one training set.

    Attributes
    ----------
    place
        Without a budget.
    ratios
        Budget → ratio to scratch at the same budget, ascending.
    arm, baseline
        How far both are converged; None where that is unknown.
    best
        Ratio of the weights of the lowest validation error, at the largest budget.
    longer
        Ratio to scratch with as many updates as pretraining and fine-tuning together.
    falls
        Whether so many updates lower the error of scratch, so that it is not converged.
    p, p_first
        p values of the ratio that is compared, and of that at the smallest budget, after Holm's
        correction for all outcomes.
    """

    metric: str
    transfer: Transfer
    place: Place
    ratios: Mapping[int, Ratio]
    arm: Convergence | None
    baseline: Convergence | None
    best: Ratio | None = None
    longer: Ratio | None = None
    falls: bool = False
    p: float | None = None
    p_first: float | None = None

    @property
    def is_converged(self) -> bool:
        """Whether both the arm and scratch are."""
        return not self.unconverged()

    @property
    def is_rising(self) -> bool:
        """Whether the error of the arm or of scratch rises with more updates, beyond chance."""
        return any(each is not None and each.state == "worse" for each in (self.arm, self.baseline))

    @property
    def compared(self) -> Ratio:
        """The ratio that a claim rests on: of last weights, or of the best if errors rise."""
        return self.best if self.is_rising and self.best else self.last[1]

    @property
    def first(self) -> tuple[int, Ratio]:
        """Smallest budget, and the ratio there."""
        return next(iter(self.ratios.items()))

    @property
    def last(self) -> tuple[int, Ratio]:
        """Largest budget, and the ratio there."""
        return list(self.ratios.items())[-1]

    @property
    def ending(self) -> Ending:
        """How the errors that both end at compare."""
        ratio = self.compared
        if ratio.interval is None:
            return "too few pairs"
        if not self.is_converged or (self.is_rising and self.best is None):
            return "not converged"
        return difference(ratio, self.p) if has_pairs_for_claim(ratio) else "too few pairs"

    @property
    def learns_faster(self) -> bool:
        """Whether its error is lower at the smallest budget, by the same rule."""
        ratio = self.first[1]
        return has_pairs_for_claim(ratio) and difference(ratio, self.p_first) == "lower"

    def unconverged(self) -> list[tuple[str, Convergence | None]]:
        """Return which of arm and scratch are not converged, or not known to be."""
        both = (self.place.strategy, self.arm), (BASELINE, None if self.falls else self.baseline)
        return [(name, found) for name, found in both if found is None or not found.is_converged]


def outcomes(rows: Iterable[Row]) -> list[Outcome]:
    """Return the outcome of every arm (`is_arm`) on all test structures, by one metric.

    Arms that were not compared at the largest budget, as in a run that was interrupted, are left
    out.

    Parameters
    ----------
    rows
        Those of the metric, of last and best weights.
    """
    every = [row for row in rows if row.trained]
    some = [row for row in every if not row.tested]
    known, falling, longer = convergences(some), still_falling(some), trained_longer(some)
    best = {(row.transfer, row.place): row.ratio for row in every if row.tested == BEST}
    most = largest_budget(some)
    found = []
    for series, budgets in by_budget(some).items():
        metric, tested, transfer, place = series
        ratios = {updates: row.ratio for updates, row in budgets.items() if row.ratio}
        if most in ratios and is_arm(place):
            scratch = metric, tested, transfer, place.scratch
            last = budgets[most]
            long = longer.get(scratch)
            found.append(
                Outcome(
                    metric,
                    transfer,
                    place,
                    ratios,
                    known.get(series),
                    known.get(scratch),
                    best=best.get((transfer, last.place)),
                    longer=None if long is None else ratio_between(last, long),
                    falls=scratch in falling,
                )
            )
    of_last, of_first = (
        holm({n: ratio.p for n, ratio in enumerate(ratios) if ratio.p is not None})
        for ratios in ([each.compared for each in found], [each.first[1] for each in found])
    )
    return [replace(o, p=of_last.get(n), p_first=of_first.get(n)) for n, o in enumerate(found)]
