"""Which start a comparison recommends, and what that rests on.

A start is recommended where its force error at the largest number of structures is lower than that
of training from scratch by more than 3 %, beyond chance: over at least
`tlbench.report.sections.answer.CLAIM_PAIRS` pairs, the 95 % interval of the paired ratio lies
below 0.97, and its p value is below 0.05 after Holm's correction for all candidates. Of several,
the one of the lowest ratio is. Because it is selected on the same data, its interval covers its
true ratio less often than nominally. In per cent, by the number of candidates, all of one true
ratio (4,000 simulated studies of five pairs each, a scatter of 10 % in each error; tests repeat
it):

========================================== ==== ==== ====
candidates                                    1    3    5
========================================== ==== ==== ====
true ratio 1: a start is recommended        1.4  2.0  2.3
true ratio 0.7: a start is recommended     96.5 97.3 95.7
true ratio 0.7: its interval covers 0.7    95.4 93.8 92.3
========================================== ==== ==== ====
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log
from typing import Literal

from tlbench.metrics.statistics import Convergence, Interval, Ratio, holm
from tlbench.report.analysis import Analysis
from tlbench.report.budgets.outcomes import convergences, difference, series_of
from tlbench.report.rows import Row, ratio_between
from tlbench.report.sections.answer import CLAIM_PAIRS
from tlbench.report.sections.starts import starts_of
from tlbench.report.wording import BASELINE

Side = Literal["lower", "higher", "same", "too few pairs"]


@dataclass(frozen=True)
class Start:
    """A start at the largest number of structures, beside training from scratch."""

    name: str
    row: Row
    ratio: Ratio
    side: Side


@dataclass(frozen=True)
class Answer:
    """What a comparison found.

    Attributes
    ----------
    baseline
        Training from scratch, by number of structures, ascending.
    curves
        Name of a start → its models by number of structures, ascending.
    converged
        How far the models of the largest number of structures are converged; by name of a start,
        that of scratch under its strategy.
    """

    baseline: Mapping[int, Row]
    curves: Mapping[str, Mapping[int, Row]]
    converged: Mapping[str, Convergence]

    @property
    def size(self) -> int:
        """The largest number of structures."""
        return max(self.baseline)

    @cached_property
    def starts(self) -> list[Start]:
        """Every start beside scratch, the lowest ratio first."""
        last = {name: curve[self.size] for name, curve in self.curves.items() if self.size in curve}
        return compared(last, self.baseline[self.size])

    @property
    def recommended(self) -> Start | None:
        """The start of the lowest ratio that is lower beyond chance; None without one."""
        return next((each for each in self.starts if each.side == "lower"), None)

    def ratio(self, name: str, size: int) -> Ratio | None:
        """Return the ratio of a start to scratch at a number of structures; None without one."""
        row, baseline = self.curves[name].get(size), self.baseline.get(size)
        return None if row is None or baseline is None else ratio_between(row, baseline)

    def rivals(self, best: Start) -> list[tuple[Start, Ratio]]:
        """Return the starts that are not shown to be worse than the best, and their ratios to it.

        Holm's correction is for all others.
        """
        others = [each for each in self.starts if each is not best]
        ratios = {n: ratio_between(each.row, best.row) for n, each in enumerate(others)}
        known = {n: ratio for n, ratio in ratios.items() if ratio is not None}
        p = holm({n: ratio.p for n, ratio in known.items() if ratio.p is not None})
        return [(others[n], r) for n, r in known.items() if difference(r, p.get(n)) != "higher"]

    def doubling(self, curve: Mapping[int, Row]) -> Ratio | None:
        """Return by which factor twice the structures change an error, if the curve goes on so.

        It is the ratio at the two largest sizes, scaled on logarithmic axes to a doubling; None
        without two sizes, or with too few pairs for a claim.
        """
        sizes = sorted(curve)[-2:]
        if len(sizes) < 2 or sizes[-1] != self.size:
            return None
        ratio = ratio_between(curve[sizes[1]], curve[sizes[0]])
        if ratio is None or ratio.interval is None or ratio.n_pairs < CLAIM_PAIRS:
            return None
        power = log(2) / log(sizes[1] / sizes[0])
        ends = Interval(ratio.interval.low**power, ratio.interval.high**power)
        return Ratio(ratio.value**power, ratio.n_pairs, ends, ratio.p)


def compared(rows: Mapping[str, Row], baseline: Row) -> list[Start]:
    """Return starts beside scratch, the lowest ratio first.

    Parameters
    ----------
    rows
        Name of a start → its models.
    """
    ratios = {name: ratio_between(row, baseline) for name, row in rows.items()}
    known = {name: ratio for name, ratio in ratios.items() if ratio is not None}
    p = holm({name: ratio.p for name, ratio in known.items() if ratio.p is not None})
    found = [Start(n, rows[n], ratio, _side(ratio, p.get(n))) for n, ratio in known.items()]
    return sorted(found, key=lambda each: each.ratio.value)


def _side(ratio: Ratio, p: float | None) -> Side:
    if ratio.interval is None or ratio.n_pairs < CLAIM_PAIRS:
        return "too few pairs"
    return difference(ratio, p)


def answer_of(analysis: Analysis, backbone: str) -> Answer | None:
    """Return the answer that results carry; None without models from scratch to compare with.

    Parameters
    ----------
    backbone
        That of which models from scratch are the baseline; where it has none, that of the first
        start is.
    """
    if not analysis.metrics:
        return None
    rows = [row for row in starts_of(analysis.of_metric(analysis.metrics[0])) if row.trained]
    scratch = [row for row in rows if row.place.strategy == BASELINE]
    others = [row for row in rows if row.place.strategy != BASELINE]
    own = [row for row in scratch if row.place.backbone == backbone]
    of_first = [row for row in scratch if others and row.place.backbone == others[0].place.backbone]
    baseline = {row.place.size: row for row in own or of_first}
    if not baseline or not others:
        return None
    curves: dict[str, dict[int, Row]] = {}
    for row in others:
        curves.setdefault(row.transfer.source, {})[row.place.size] = row
    known = convergences(row for row in analysis.every_row if row.metric == analysis.metrics[0])
    last = {name: curve[max(curve)] for name, curve in curves.items()}
    last[BASELINE] = baseline[max(baseline)]
    reached = {name: known.get(series_of(row)) for name, row in last.items()}
    converged = {name: each for name, each in reached.items() if each is not None}
    ascending = {name: dict(sorted(curve.items())) for name, curve in curves.items()}
    return Answer(dict(sorted(baseline.items())), ascending, converged)


def unconverged(answer: Answer, names: Sequence[str]) -> list[tuple[str, Convergence]]:
    """Return which of some starts, or scratch, are not shown to be converged."""
    found = [(name, answer.converged.get(name)) for name in names]
    return [(name, each) for name, each in found if each is not None and not each.is_converged]
