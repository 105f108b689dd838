"""Which start a comparison recommends, and what that rests on.

A start is recommended where its force error at the largest number of structures is lower than that
of training from scratch by more than 3 %, beyond chance: over at least
`tlbench.report.claims.CLAIM_PAIRS` pairs, the 95 % interval of the paired ratio lies
below 0.97, and its p value is below 0.05 after Holm's correction for all candidates. Of several,
the one of the lowest ratio is. With fewer than `tlbench.results.shares.FEWEST_GROUPS` test
structures their choice cannot be allowed for, and nothing is claimed. Where the error of a start or
of scratch rises with more updates, those of the weights of the lowest validation error are
compared, as by `tlbench.report.budgets.outcomes`.

Nothing trained is recommended over a start as it is, without training, unless its error is lower in
the same sense; and nothing at all after fewer than `FEWEST_PASSES` passes.

Because the start is selected on the same data, its interval covers its true ratio less often than
nominally. In per cent, by the number of candidates, all of one true ratio and trained enough, none
of them measured as it is (4,000 simulated studies of five pairs each, a scatter of 10 % in each
error; tests repeat it):

========================================== ==== ==== ====
candidates                                    1    3    5
========================================== ==== ==== ====
true ratio 1: a start is recommended        1.4  2.0  2.3
true ratio 0.7: a start is recommended     96.5 97.3 95.7
true ratio 0.7: its interval covers 0.7    95.4 93.8 92.3
========================================== ==== ==== ====

Where every start has the best of several learning rates (`tlbench.advice.rates`), lower is what is
lower by more than `CHOSEN`, and the interval below 0.9. In studies of three candidates of which,
like scratch, each has its lowest error at a rate of its own, from 3e-4 to 3e-3, and an error higher
by 8 to 28 % at ten to the one half of that rate, and where errors have a scatter of 5 or 10 %, a
start was then recommended in 2 to 3 % if the true ratio at the best rates was 1, and in 96 to 100 %
if it was 0.7. With 3 % instead of `CHOSEN` it were 7 to 12 %, if the true ratio was 1; with one
rate for all, 3 to 30 %. The interval of a recommended start covered 0.7 in 78 to 88 % (tests repeat
one of them).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import log
from typing import Literal

from tlbench.advice.defects import mark_counts
from tlbench.advice.design import Design
from tlbench.advice.plan import FEWEST_PASSES
from tlbench.data.marks import is_unmarked
from tlbench.metrics.statistics import CONVERGED, Convergence, Interval, Ratio, holm
from tlbench.report.analysis import Analysis
from tlbench.report.budgets.outcomes import BEST, convergences, series_of
from tlbench.report.claims import CLAIM_PAIRS, difference, has_pairs_for_claim
from tlbench.report.forgetting.retention import Retained, retained
from tlbench.report.rows import Row, ratio_between
from tlbench.report.sections.starts import starts_of
from tlbench.report.wording import BASELINE
from tlbench.results.results import Results

CHOSEN = 0.1
"""By how much an error has to be lower where every start has a learning rate of its own.

That is chosen from single trainings, for all pairs alike, so that intervals over pairs do not allow
for the choice.
"""

Side = Literal["lower", "higher", "same", "no claim"]
"""Of what a start is compared with; "no claim" where pairs or test structures are too few."""


@dataclass(frozen=True)
class Start:
    """A start at the largest number of structures, beside what it is compared with."""

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
    design
        What was planned.
    converged
        Name of a start, or that of scratch → number of structures → how far models are converged.
    best
        As ``converged``: the models with the weights of the lowest validation error.
    as_is
        Name of a start → its models without training on these data.
    retained
        Name of a start → its models at the largest size on the data that it was pretrained on;
        without published potentials, for which these are not available.
    """

    baseline: Mapping[int, Row]
    curves: Mapping[str, Mapping[int, Row]]
    design: Design
    converged: Mapping[str, Mapping[int, Convergence]] = field(default_factory=dict)
    best: Mapping[str, Mapping[int, Row]] = field(default_factory=dict)
    as_is: Mapping[str, Row] = field(default_factory=dict)
    retained: Mapping[str, Retained] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """The largest number of structures."""
        return max(self.baseline)

    @cached_property
    def starts(self) -> list[Start]:
        """Every start beside scratch, the lowest ratio first."""
        pairs = {name: self.rows((name, self.size), (BASELINE, self.size)) for name in self.curves}
        known = {name: (some[0], some[1]) for name, some in pairs.items() if some}
        return compared(known, self.design.has_tests, self.least)

    @property
    def least(self) -> float:
        """By how much an error has to be lower or higher for a claim."""
        return CONVERGED if self.design.choice is None else CHOSEN

    @property
    def passes(self) -> float:
        """How often models of the largest size have seen each training structure."""
        updates = self.baseline[self.size].place.updates or 0
        return updates * min(self.design.batch_size, self.size) / self.size

    @property
    def has_few_passes(self) -> bool:
        """Whether models have seen the structures too seldom for a recommendation."""
        return self.passes < FEWEST_PASSES

    @property
    def fastest(self) -> Start | None:
        """The start of the lowest ratio that is lower beyond chance; None without one."""
        return next((each for each in self.starts if each.side == "lower"), None)

    @property
    def recommended(self) -> Start | None:
        """The fastest start; None after few passes, or where one as it is may be as good."""
        return None if self.has_few_passes or self.unbeaten else self.fastest

    @property
    def leading(self) -> tuple[str, Row]:
        """The fastest start, else that of the lowest mean error, or scratch; and its models."""
        rows = {each.name: each.row for each in self.starts}
        rows[BASELINE] = (self.rows((BASELINE, self.size)) or [self.baseline[self.size]])[0]
        best = self.fastest
        name = min(rows, key=lambda n: rows[n].mean.value) if best is None else best.name
        return name, rows[name]

    @cached_property
    def unbeaten(self) -> list[Start]:
        """Starts as they are whose error that of the ``leading`` models is not shown to be below.

        That of the lowest error is first. Ratios are those of the leading models to them; Holm's
        correction is for all starts as they are.
        """
        _, row = self.leading
        pairs = {name: (row, each) for name, each in self.as_is.items()}
        found = compared(pairs, self.design.has_tests)
        return [each for each in found[::-1] if each.side in ("higher", "same")]

    def curve(self, name: str) -> Mapping[int, Row]:
        """Return the models of a start, or those from scratch, by number of structures."""
        return self.baseline if name == BASELINE else self.curves.get(name, {})

    def rows(self, *models: tuple[str, int]) -> list[Row]:
        """Return models of which errors can be compared, each of a start and a size.

        They have their last weights or, if the error of one of them rises with more updates, all
        have those of the lowest validation error. Empty if one of them is lacking.
        """
        known = [self.converged.get(name, {}).get(size) for name, size in models]
        if any(each is not None and each.state == "worse" for each in known):
            found = [self.best.get(name, {}).get(size) for name, size in models]
        else:
            found = [self.curve(name).get(size) for name, size in models]
        some = [row for row in found if row is not None]
        return some if len(some) == len(models) else []

    def ratio(self, name: str, size: int) -> Ratio | None:
        """Return the ratio of a start to scratch at a number of structures; None without one."""
        some = self.rows((name, size), (BASELINE, size))
        return ratio_between(*some) if some else None

    @cached_property
    def beside_as_is(self) -> list[Start]:
        """Every start, fine-tuned, beside itself as it is, the lowest ratio first.

        A published potential as it is is one model, so all spread is that of the fine-tuned ones.
        Holm's correction is for all starts.
        """
        pairs = {s.name: (s.row, self.as_is[s.name]) for s in self.starts if s.name in self.as_is}
        return compared(pairs, self.design.has_tests)

    def rivals(self, best: Start) -> list[tuple[Start, Ratio]]:
        """Return the starts that are not shown to be worse than the best, and their ratios to it.

        Holm's correction is for all others.
        """
        others = [each for each in self.starts if each is not best]
        rows = [self.rows((each.name, self.size), (best.name, self.size)) for each in others]
        ratios = {n: ratio_between(*some) for n, some in enumerate(rows) if some}
        known = {n: ratio for n, ratio in ratios.items() if ratio is not None}
        p = holm({n: ratio.p for n, ratio in known.items() if ratio.p is not None})
        return [
            (others[n], ratio)
            for n, ratio in known.items()
            if difference(ratio, p.get(n), self.least) != "higher"
        ]

    def doubling(self, name: str) -> Ratio | None:
        """Return by which factor twice the structures change an error, if the curve goes on so.

        It is the ratio at the two largest sizes, scaled on logarithmic axes to a doubling; None
        without two sizes, or with too few pairs or test structures for a claim.
        """
        sizes = sorted(self.curve(name))[-2:]
        if len(sizes) < 2 or sizes[-1] != self.size or not self.design.has_tests:
            return None
        some = self.rows((name, sizes[1]), (name, sizes[0]))
        ratio = ratio_between(*some) if some else None
        if ratio is None or ratio.interval is None or ratio.n_pairs < CLAIM_PAIRS:
            return None
        power = log(2) / log(sizes[1] / sizes[0])
        ends = Interval(ratio.interval.low**power, ratio.interval.high**power)
        return Ratio(ratio.value**power, ratio.n_pairs, ends, ratio.p)

    def incomplete(self) -> Iterator[tuple[str, int]]:
        """Yield each start that lacks pairs at the largest size planned, and how many it has."""
        for name in self.design.starts:
            size = self.design.sizes[-1]
            ratio = self.ratio(name, size) if name in self.curves else None
            n_pairs = 0 if ratio is None else ratio.n_pairs
            if n_pairs < self.design.n_pairs:
                yield name, n_pairs


def compared(
    pairs: Mapping[str, tuple[Row, Row]], has_tests: bool = True, least: float = CONVERGED
) -> list[Start]:
    """Return starts beside what they are compared with, the lowest ratio first.

    Parameters
    ----------
    pairs
        Name of a start → its models, and those that they are compared with.
    has_tests
        Whether test structures are enough for a claim.
    least
        By how much an error has to be lower or higher for one.
    """
    ratios = {name: ratio_between(row, baseline) for name, (row, baseline) in pairs.items()}
    known = {name: ratio for name, ratio in ratios.items() if ratio is not None}
    p = holm({name: ratio.p for name, ratio in known.items() if ratio.p is not None})
    found = [
        Start(
            name,
            pairs[name][0],
            ratio,
            difference(ratio, p.get(name), least)
            if has_tests and has_pairs_for_claim(ratio)
            else "no claim",
        )
        for name, ratio in known.items()
    ]
    return sorted(found, key=lambda each: each.ratio.value)


def answer_of(
    analysis: Analysis,
    backbone: str,
    design: Design,
    published: Mapping[str, Row] | None = None,
) -> Answer | None:
    """Return the answer that results carry; None without models from scratch to compare with.

    Parameters
    ----------
    backbone
        That of which models from scratch are the baseline; where none is, that of the first is.
    published
        Name of a published potential → it as it is, also of those that are not compared.
    """
    if not analysis.metrics:
        return None
    rows = [row for row in starts_of(analysis.of_metric(analysis.metrics[0])) if row.trained]
    scratch = [row for row in rows if row.place.strategy == BASELINE]
    others = [row for row in rows if row.place.strategy != BASELINE]
    own = [row for row in scratch if row.place.backbone == backbone]
    baseline = own or [row for row in scratch if row.place.backbone == scratch[0].place.backbone]
    if not baseline or not others:
        return None
    every = [row for row in analysis.every_row if row.metric == analysis.metrics[0]]
    of_best = {(row.transfer, row.place): row for row in every if row.tested == BEST}
    known = convergences(row for row in every if not row.tested)
    curves: dict[str, dict[int, Row]] = {}
    best: dict[str, dict[int, Row]] = {}
    converged: dict[str, dict[int, Convergence]] = {}
    for row in sorted([*baseline, *others], key=lambda row: row.place.size):
        name = BASELINE if row.place.strategy == BASELINE else row.transfer.source
        size = row.place.size
        curves.setdefault(name, {})[size] = row
        if (found := of_best.get((row.transfer, row.place))) is not None:
            best.setdefault(name, {})[size] = found
        if (reached := known.get(series_of(row))) is not None:
            converged.setdefault(name, {})[size] = reached
    tested = _tested(analysis.results, design)
    as_is = dict(published or {})
    as_is |= {row.transfer.source: row for row in every if not (row.trained or row.tested)}
    from_scratch = curves.pop(BASELINE)
    kept = {
        each.target.transfer.source: each
        for each in retained(analysis, analysis.metrics[0])
        if each.target.trained and each.target.place.size == max(from_scratch)
    }
    return Answer(from_scratch, curves, tested, converged, best, as_is, kept)


def _tested(results: Results, design: Design) -> Design:
    """Return the design with the test structures that errors are taken over, and the others."""
    # On the data of their sources models are tested, too.
    records = [r for r in results.records if not r.condition]
    jobs = {record.job for record in records if record.model.strategy == BASELINE}
    data = {each.data for each in results.errors if each.job in jobs}
    for tests in results.tests:
        if tests.data in data:
            return replace(
                design,
                n_test=int(is_unmarked(tests.marks, len(tests.n_atoms)).sum()),
                n_held_back=len(tests.n_atoms),
                marked=mark_counts(tests.marks),
            )
    return design


def unconverged(answer: Answer, names: Iterable[str]) -> list[tuple[str, Convergence]]:
    """Return which of some starts, or scratch, are not converged at the largest size."""
    found = [(name, answer.converged.get(name, {}).get(answer.size)) for name in names]
    return [(name, each) for name, each in found if each is not None and not each.is_converged]
