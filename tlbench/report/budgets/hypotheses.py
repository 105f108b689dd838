"""One test for each hypothesis, and how many structures transfer is worth."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tlbench.metrics.statistics import (
    Curve,
    Ratio,
    Table,
    area_ratio,
    equivalent_sizes,
    holm,
)
from tlbench.report.budgets.outcomes import Series, by_budget, is_arm, largest_budget, settled
from tlbench.report.content import Table as Lines
from tlbench.report.content import lines_of
from tlbench.report.rows import Row
from tlbench.report.wording import BASELINE, ratio_text
from tlbench.study.model_key import Transfer

TESTS_NOTE = (
    "One hypothesis for each arm of each backbone: that its error, averaged over log N at the "
    "largest budget, is that of scratch. Two-sided t tests of the log ratios of pairs; with Holm, "
    "p is corrected for the number of hypotheses. An average over sizes allows for the choice of "
    "seeds alone, a single size also for that of test structures where its table says so. Sizes at "
    "which an arm or scratch is not shown to be converged, or rises, count, too, and are named: "
    "there the test is of the speed of learning. What is said in words holds one hypothesis for "
    "each arm and training set instead, after Holm, too."
)
WORTH_NOTE = (
    "The number of structures from which scratch reaches the error that an arm has with N, by "
    "interpolation of log errors over log N; beyond the measured sizes only a bound is known. Only "
    "where both are converged and do not rise."
)

Arm = tuple[Transfer, str, str]
"""Transfer, backbone and strategy."""


@dataclass
class Curves:
    """Errors of an arm and of scratch at the largest budget, by size, and where they are open.

    ``ratios`` are those of the two, by size.
    """

    arm: dict[int, Table]
    baseline: dict[int, Table]
    open: list[int]
    ratios: dict[int, Ratio | None]

    def converged(self, curve: Mapping[int, Table]) -> Curve:
        """Return a curve at the sizes at which both are converged."""
        return {size: table for size, table in curve.items() if size not in self.open}


def curves(rows: Iterable[Row]) -> dict[Arm, Curves]:
    """Return the learning curves of every arm (`is_arm`) beside those of scratch.

    Models trained at one temperature have no learning curve, and what lacks the largest budget is
    left out.
    """
    some = [row for row in rows if row.trained and not row.tested]
    sure, most = settled(some), largest_budget(some)
    last: dict[Series, Row] = {
        series: budgets[most]
        for series, budgets in by_budget(some).items()
        if series[3].train_temperature_k is None and most in budgets
    }
    found: dict[Arm, Curves] = defaultdict(lambda: Curves({}, {}, [], {}))
    for series, row in last.items():
        metric, tested, transfer, place = series
        scratch = metric, tested, transfer, place.scratch
        if not is_arm(place) or scratch not in last:
            continue
        both = found[transfer, place.backbone, place.strategy]
        both.ratios[place.size] = row.ratio
        both.arm[place.size], both.baseline[place.size] = row.values, last[scratch].values
        if series not in sure:
            both.open.append(place.size)
    return dict(found)


def hypotheses(rows: Iterable[Row], metric: str) -> Lines:
    """Return a line per arm: its mean ratio to scratch over log N, and the p values."""
    tested = {}
    for name, each in curves(rows).items():
        ratio = area_ratio(each.arm, each.baseline)
        if ratio is None and len(each.arm) == 1:
            (ratio,) = each.ratios.values()
        if ratio is not None and ratio.p is not None:
            tested[name] = ratio, each.open
    corrected = holm({name: ratio.p for name, (ratio, _) in tested.items() if ratio.p is not None})
    several = len({transfer for transfer, _, _ in tested}) > 1
    lines = [
        ({"transfer": transfer.label()} if several else {})
        | {
            "backbone": backbone,
            "arm": strategy,
            f"/ {BASELINE}": ratio_text(ratio, False),
            "p": f"{ratio.p:.2g}",
            "p (Holm)": f"{corrected[transfer, backbone, strategy]:.2g}",
            "not converged at N": ", ".join(map(str, sorted(open_sizes))) or "–",
        }
        for (transfer, backbone, strategy), (ratio, open_sizes) in tested.items()
    ]
    return Lines(f"Tests, {metric}", lines_of(lines), TESTS_NOTE)


def worth(rows: Iterable[Row], metric: str) -> Lines:
    """Return a line per arm and size: with how many structures scratch has the same error."""
    found = curves(rows)
    several = len({transfer for transfer, _, _ in found}) > 1
    lines = []
    for (transfer, backbone, strategy), each in found.items():
        baseline = each.converged(each.baseline)
        if len(baseline) < 2:
            continue
        for size, equivalent in equivalent_sizes(each.converged(each.arm), baseline).items():
            lines.append(
                ({"transfer": transfer.label()} if several else {})
                | {
                    "backbone": backbone,
                    "arm": strategy,
                    "N": str(size),
                    f"{BASELINE} needs": equivalent.text(),
                }
            )
    return Lines(f"Worth in structures, {metric}", lines_of(lines), WORTH_NOTE)
