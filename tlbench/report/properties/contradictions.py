"""Where transfer has the lower force error and the worse property: its negative transfer.

Asked of the values that tables show, for each arm and N, over the pairs of which all four errors
are known. Two hypotheses are tested together: that the geometric mean of force error(arm)/force
error(scratch) is not below 1, and that that of the errors of the value is not above 1. Both have to
be rejected, so the p value is the larger of the two one-sided ones (an intersection–union test;
Berger, *Technometrics* 24, 295, 1982), however the two errors depend on each other. Of many values
and arms some would seem worse by chance, so p values are adjusted by Holm's method.

**What it assumes.** The p values are of Student's test of log ratios over pairs. That of the force
error allows for the choice of test structures, too, where errors on each are known; properties have
no test structures. So it is assumed that

- pairs are independent: no two share training structures or initial weights, which they do in
  suites that combine each subset seed with each init seed. A published source is the same in all
  pairs, and a claim is about that source;
- log ratios scatter about their mean symmetrically, or nearly. They do if both errors have the same
  distribution but for a factor, whichever that is. They do not if values of one arm scatter about
  the reference, so that some are right by accident, and those of the other are all off to one side:
  if the errors of that other arm have the same geometric mean, about 10 % of comparisons are
  claimed instead of 5 % (last line of the table);
- models that have no value in one of the arms, or that of an unstable crystal, are not those with
  the larger errors. A claim is about models that have a value; beside it stands how many failed.

A claim is about one arm and N, for other seeds; not about other arms.

Simulated: share of 100,000 samples (per cent; at most 5 are right) in which a value, or any of 18
independent ones, would be claimed though a hypothesis is true. Over 5 pairs, errors are absolute
values of normal deviates with a bias, in units of their scatter:

========= ========================== ========== ==============
forces    errors (arm; scratch)      one value  any of 18
========= ========================== ========== ==============
lower     bias 0; 0                  4.6        2.8
lower     bias 3; 3                  4.5        3.2
lower     both lognormal             5.0        4.2
equal     bias 3, × 8; bias 3        5.0        0.3
equal     bias 3; 3                  0.2        0.0
lower     bias 0; bias 3, equal mean 9.5        12.7
========= ========================== ========== ==============
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from tlbench.base.phrases import counted, listed
from tlbench.metrics import HEADLINE
from tlbench.metrics.statistics import MIN_PAIRS, Pair, Ratio, holm
from tlbench.report.analysis import Analysis
from tlbench.report.budgets.outcomes import is_from_scratch
from tlbench.report.claims import CLAIM_PAIRS, LEVEL
from tlbench.report.properties.values import ShownValue, has_error
from tlbench.report.rows import Row, ratio_between
from tlbench.report.wording import AT_THIS_BUDGET, BASELINE, ratio_text
from tlbench.study.model_key import Place, Transfer


@dataclass(frozen=True)
class PairedErrors:
    """Force error and error of a value relative to scratch, over the same pairs.

    ``p`` is that of a lower force error and a larger error of the value together, adjusted for all
    values and arms that are compared; None below `CLAIM_PAIRS` pairs.
    """

    shown: ShownValue
    transfer: Transfer
    place: Place
    force: Ratio
    error: Ratio
    p: float | None = None

    @property
    def is_contradiction(self) -> bool:
        """Whether the force error is the lower one, and the other the larger one."""
        return self.force.value < 1 < self.error.value

    @property
    def is_beyond_chance(self) -> bool:
        """Whether that holds with 95 % confidence, whatever else is compared."""
        return self.is_contradiction and self.p is not None and self.p < LEVEL


def comparisons(analysis: Analysis, shown: Iterable[ShownValue]) -> list[PairedErrors]:
    """Return what can be compared: trained arms and values, over at least `MIN_PAIRS` pairs."""
    rows = analysis.rows
    known = {(row.metric, row.tested, row.transfer, row.place): row for row in rows}
    found: list[PairedErrors] = []
    for value in (each for each in shown if has_error(each)):
        for row in rows:
            is_of_value = (row.metric, row.tested) == (value.metric, value.tested)
            if not is_of_value or not row.trained or is_from_scratch(row.place):
                continue
            four = [
                known.get((metric, tested, row.transfer, place))
                for metric, tested in ((HEADLINE, ()), (row.metric, row.tested))
                for place in (row.place, row.place.scratch)
            ]
            known_rows = [each for each in four if each is not None]
            if len(known_rows) == len(four):
                pairs = set.intersection(*(set(each.values) for each in known_rows))
                if len(pairs) >= MIN_PAIRS:
                    some = [_over(pairs, each) for each in known_rows]
                    force, error = ratio_between(*some[:2]), ratio_between(*some[2:])
                    if force is not None and error is not None:
                        found.append(PairedErrors(value, row.transfer, row.place, force, error))
    adjusted = holm(
        {
            n: p_of_both(each.force, each.error)
            for n, each in enumerate(found)
            if each.error.n_pairs >= CLAIM_PAIRS
        }
    )
    return [replace(each, p=adjusted.get(n)) for n, each in enumerate(found)]


def _over(pairs: Collection[Pair], row: Row) -> Row:
    values = {pair: value for pair, value in row.values.items() if pair in pairs}
    shares = {pair: share for pair, share in row.shares.items() if pair in pairs}
    return replace(row, values=values, shares=shares)


def p_of_both(force: Ratio, error: Ratio) -> float:
    """Return the p value of a lower force error and a larger error of a value together.

    Parameters
    ----------
    force, error
        To scratch, over the same pairs.
    """
    return max(_one_sided(force, below=True), _one_sided(error, below=False))


def _one_sided(ratio: Ratio, below: bool) -> float:
    p = 1.0 if ratio.p is None else ratio.p
    return p / 2 if (ratio.value < 1) == below else 1 - p / 2


def _order(item: tuple[tuple[Transfer, Place], object]) -> tuple[object, ...]:
    transfer, place = item[0]
    return transfer.label(), *place.order()


def contradiction_findings(found: Sequence[PairedErrors], has_several: bool) -> Iterator[str]:
    """Say where transfer has the lower force error and the worse property."""
    by_place: dict[tuple[Transfer, Place], list[PairedErrors]] = {}
    for each in found:
        if each.is_contradiction:
            by_place.setdefault((each.transfer, each.place), []).append(each)
    for (transfer, place), some in sorted(by_place.items(), key=_order):
        where = f"{transfer.label()}, " if has_several else ""
        same = [each for each in found if (each.transfer, each.place) == (transfer, place)]
        sure = [
            f"{each.shown.label} (× {ratio_text(each.error, False)})"
            for each in some
            if each.is_beyond_chance
        ]
        if sure:
            claim = f"Allowing for all comparisons, this is beyond chance for {listed(sure)}"
        elif any(each.p is not None for each in some):
            claim = "Allowing for all comparisons, each may be chance"
        else:
            claim = f"Fewer than {CLAIM_PAIRS} pairs do not allow a claim"
        yield (
            f"Lower force error, larger errors of properties: {where}{place.label()} has "
            f"{ratio_text(some[0].force, False)} times the force error of {BASELINE}, but "
            f"{AT_THIS_BUDGET} larger errors of {len(some)} of {counted(len(same), 'value')} "
            f"(marked in the tables). {claim}."
        )
    if found and not by_place:
        yield (
            f"No value that can be compared over at least {MIN_PAIRS} pairs has a larger error "
            f"than from {BASELINE} where the force error is lower, {AT_THIS_BUDGET}."
        )
