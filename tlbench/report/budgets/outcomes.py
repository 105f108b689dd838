"""What an arm gained over scratch at each budget, and whether that outlasts training.

An arm may learn faster without ending better, so a ratio below 1 at one budget is no gain by
itself. Only where both the arm and scratch are converged, by the rule of
`tlbench.metrics.statistics.convergence`, does their ratio at the largest budget compare the errors
that they end at; anywhere else it compares how fast they learn.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from tlbench.metrics import has_logarithm
from tlbench.metrics.conditions import ConditionKey
from tlbench.metrics.statistics import Convergence, Ratio, convergence, verdict
from tlbench.report.analysis import arm_cells
from tlbench.report.rows import Row
from tlbench.report.wording import BASELINE
from tlbench.study.model_key import Place, Transfer
from tlbench.transfer import arm

Ending = Literal["lower", "higher", "same", "too few pairs", "not converged"]
"""The error of an arm at the largest budget beside that of scratch, where both are converged;
"same" means that they cannot be distinguished."""

_ENDINGS: dict[str, Ending] = {"gain": "lower", "loss": "higher", "undecided": "same"}

Series = tuple[str, ConditionKey, Transfer, Place]
"""Metric, test structures, transfer, and arm without its budget."""


def series_of(row: Row) -> Series:
    """Return what rows have in common that differ in nothing but their budget."""
    return row.metric, row.tested, row.transfer, row.place.replace(updates=None)


def is_arm(place: Place) -> bool:
    """Return whether models are compared with those from scratch after as many updates.

    That is not so of scratch itself, of what trains longer, and of what does not train.
    """
    strategy = arm(place.strategy)
    return strategy.trains and place.strategy != BASELINE and not strategy.compute_matched


def by_budget(rows: Iterable[Row]) -> dict[Series, dict[int, Row]]:
    """Return the rows of each series by budget, ascending; rows without a budget are left out."""
    found: dict[Series, dict[int, Row]] = {}
    for row in sorted(rows, key=lambda row: row.place.updates or 0):
        if row.place.updates is not None:
            found.setdefault(series_of(row), {})[row.place.updates] = row
    return found


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


def settled(rows: Iterable[Row]) -> set[Series]:
    """Return the series that are converged, as is scratch with the same structures."""
    known = {series for series, each in convergences(rows).items() if each.is_converged}
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
    """

    metric: str
    transfer: Transfer
    place: Place
    ratios: Mapping[int, Ratio]
    arm: Convergence | None
    baseline: Convergence | None

    @property
    def is_converged(self) -> bool:
        """Whether both the arm and scratch are."""
        both = self.arm, self.baseline
        return all(each is not None and each.is_converged for each in both)

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
        found = verdict(self.last[1])
        if found == "too few pairs":
            return found
        return _ENDINGS[found] if self.is_converged else "not converged"

    @property
    def learns_faster(self) -> bool:
        """Whether its error is lower at the smallest budget, beyond chance."""
        return verdict(self.first[1]) == "gain"

    def unconverged(self) -> list[tuple[str, Convergence | None]]:
        """Return which of arm and scratch are not converged, or not known to be."""
        both = (self.place.strategy, self.arm), (BASELINE, self.baseline)
        return [(name, found) for name, found in both if found is None or not found.is_converged]


def outcomes(rows: Iterable[Row]) -> list[Outcome]:
    """Return the outcome of every arm (`is_arm`) on all test structures."""
    some = [row for row in rows if row.trained and not row.tested]
    known = convergences(some)
    found = []
    for series, budgets in by_budget(some).items():
        metric, tested, transfer, place = series
        ratios = {updates: row.ratio for updates, row in budgets.items() if row.ratio}
        if ratios and is_arm(place):
            scratch = metric, tested, transfer, place.scratch
            found.append(
                Outcome(metric, transfer, place, ratios, known.get(series), known.get(scratch))
            )
    return found
