"""What a board says in a few numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from tlbench.board.site.boards import Board
from tlbench.board.site.rows import BoardRow
from tlbench.metrics import METRICS, has_logarithm
from tlbench.metrics.statistics import Ratio, tie_groups
from tlbench.report.budgets.outcomes import is_arm
from tlbench.report.wording import (
    at_budget,
    budget_label,
    n_pairs_text,
    number_text,
    ratio_text,
    tuning_label,
)
from tlbench.transfer import arm

FINETUNE = "finetune"
ENERGIES = "energy_mae"
FORCES = "force_mae"

CONVERGED = "once converged"

WIDTH, HEIGHT, MARGIN = 320, 46, 12
TICKS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
STEP = 2
"""Dots nearer than this are one, in units of the drawing."""


@dataclass(frozen=True)
class Drawing:
    """Dots on one logarithmic axis: where they, the ticks and the line of equality are."""

    dots: list[float]
    ticks: list[tuple[float, str]]
    one: float
    text: str
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True)
class Comparison:
    """The range of one error of an arm relative to scratch.

    Ratios are not counted: they share models from scratch, or source models.

    Attributes
    ----------
    ratios
        Those of the rows of the arm over the whole test set, the smallest first, where neither it
        nor scratch lacks a pair; in suites with budgets, at the largest.
    claim
        What they compare: errors "once converged" if all of them are of converged models, otherwise
        those at a budget.
    """

    metric: str
    ratios: list[Ratio]
    claim: str

    @property
    def noun(self) -> str:
        """What is compared, in a word."""
        return {ENERGIES: "energies", FORCES: "forces"}.get(self.metric, self.metric)

    def range_text(self) -> str:
        """Return the smallest and the largest ratio; where there is one, with its interval."""
        if not self.ratios:
            return "–"
        if len(self.ratios) == 1:
            return ratio_text(self.ratios[0])
        low, high = f"{self.ratios[0].value:.2f}", f"{self.ratios[-1].value:.2f}"
        return low if low == high else f"{low} to {high}"

    def pairs_text(self) -> str:
        """Return how many pairs the ratios are taken over."""
        counts = sorted({ratio.n_pairs for ratio in self.ratios})
        if not counts:
            return "–"
        return n_pairs_text(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]} pairs"

    def drawing(self) -> "Drawing | None":
        """Return all ratios on one logarithmic axis; None if there are none."""
        if not self.ratios:
            return None
        logs = [math.log(ratio.value) for ratio in self.ratios]
        reach = max(math.log(2.2), *(abs(value) * 1.08 for value in logs))

        def place(value: float) -> float:
            return round(MARGIN + (WIDTH - 2 * MARGIN) * (value + reach) / (2 * reach), 1)

        return Drawing(
            dots=sorted({float(STEP * round(place(value) / STEP)) for value in logs}),
            ticks=[(place(math.log(t)), f"{t:g}") for t in TICKS if abs(math.log(t)) <= reach],
            one=place(0.0),
            text=f"{len(logs)} ratios to scratch {self.claim}: {self.range_text()}.",
        )


@dataclass(frozen=True)
class Headline(Comparison):
    """What a board says of the first metric of its suite, and of another beside it.

    Submissions of which a check failed are left out.

    Attributes
    ----------
    arm
        Which arm is compared with scratch, whether it is converged or not: fine-tuning where it is
        run, else the only arm that trains, or all of them.
    beside
        The same arm by its energies, or by its forces where energies are the first metric; None in
        suites that do not measure them.
    best
        The row of the lowest error at the largest size; None where pairs are too few for ranks, or
        errors of several targets, or training temperatures, are side by side.
    best_of
        What that is the lowest of: converged models where the ratios are theirs, otherwise all
        arms after the same number of updates.
    n_tied
        How many other rows it cannot be distinguished from.
    untrained
        Source models as they are, the lowest error first, in suites that train nothing.
    transfer
        What is transferred between, in short.
    budget
        How many updates the arms had, whether errors can be shown to be converged, and whether arms
        are tuned.
    """

    arm: str
    beside: Comparison | None
    best: BoardRow | None
    best_of: str
    n_tied: int
    untrained: Sequence[BoardRow]
    transfer: str
    budget: str

    @property
    def is_compared(self) -> bool:
        """Whether there is any ratio to scratch."""
        return bool(self.ratios or (self.beside and self.beside.ratios))

    def untrained_text(self) -> str:
        """Return the errors of models that were not trained, as ``sevennet-0 134.2 meV/Å``."""
        some = (f"{each.label} {number_text(each.mean.value)}" for each in self.untrained)
        return f"{', '.join(some)} {METRICS.get(self.metric).unit}"

    def best_text(self) -> str:
        """Return the best model with its error, as ``dimenetpp, finetune: 64.2 meV/Å``."""
        if self.best is None:
            return "–"
        tied = f" (tied with {self.n_tied} more)" if self.n_tied else ""
        error = f"{number_text(self.best.mean.value)} {METRICS.get(self.metric).unit}"
        return f"{self.best.name}, N = {self.best.place.size}: {error}{tied}"


@dataclass(frozen=True)
class Published:
    """A board with its rows and what they say."""

    board: Board
    rows: Sequence[BoardRow]

    @cached_property
    def headline(self) -> Headline:
        """What the rows say in a few numbers."""
        return headline_of(self.board, self.rows)


def headline_of(board: Board, rows: Sequence[BoardRow]) -> Headline:
    """Return the range of ratios of a board, and its lowest error."""
    suite = board.suite
    metric, *others = suite.error_metrics
    # Other weights and smaller budgets are in the table.
    final = [
        row
        for row in rows
        if not row.tested
        and not row.trust.differing
        and row.trained
        and row.place.updates in (None, suite.target_budgets()[-1])
    ]
    compared = [row for row in final if is_arm(row.place)]
    names = {row.place.strategy for row in compared}
    if FINETUNE in names:
        names = {FINETUNE}
    cells = [row for row in compared if row.place.strategy in names]
    main = _comparison(board, metric, cells)
    second = FORCES if metric == ENERGIES else ENERGIES
    is_converged = main.claim == CONVERGED
    rivals = [row for row in final if row.metric == metric and row.is_complete]
    best, n_tied = _lowest(rivals if has_logarithm(metric) else [], converged=is_converged)
    untrained = [row for row in rows if row.metric == metric and not (row.tested or row.trained)]
    return Headline(
        **vars(main),
        arm=names.pop() if len(names) == 1 else "all trained arms",
        beside=_comparison(board, second, cells) if second in others else None,
        best=best,
        best_of="of converged models" if is_converged else at_budget(suite),
        n_tied=n_tied,
        untrained=[] if final else sorted(untrained, key=lambda row: row.mean.value),
        transfer=_between(board, rows),
        budget=_budget(board),
    )


def _comparison(board: Board, metric: str, cells: Sequence[BoardRow]) -> Comparison:
    """Return the range of one error of an arm, which is converged only where every cell is."""
    some = [row for row in cells if row.metric == metric]
    claim = at_budget(board.suite)
    if board.suite.budgets:
        is_settled = bool(some) and all(row.is_settled for row in some)
        claim = CONVERGED if is_settled else f"{claim}, not shown to be converged"
    ratios = [row.ratio for row in some if row.ratio and row.has_whole_ratio]
    return Comparison(metric, sorted(ratios, key=lambda ratio: ratio.value), claim)


def _lowest(rows: Sequence[BoardRow], *, converged: bool) -> tuple[BoardRow | None, int]:
    """Return the row of the lowest error at the largest size, and how many are tied with it.

    Ranks of a table are of converged rows. Where a headline is not, all arms that had the same
    number of updates are ranked for it.
    """
    if len({(row.transfer, row.place.train_temperature_k) for row in rows}) != 1:
        return None, 0
    largest = max(row.place.size for row in rows)
    some = {row.name: row for row in rows if row.place.size == largest}
    if converged:
        found = {name: row.standing for name, row in some.items() if row.standing}
    else:
        equal = {n: r.values for n, r in some.items() if not arm(r.place.strategy).compute_matched}
        found = tie_groups(equal)
    if not found:
        return None, 0
    best = min(found, key=lambda name: found[name].rank)
    return some[best], sum(each.group == found[best].group for each in found.values()) - 1


def _budget(board: Board) -> str:
    """Return the budget of a suite, and whether its arms are tuned."""
    suites = [member.entry.suite for member in board.sound]
    label = budget_label(board.suite, suites)
    # Of suites with several budgets the label says it.
    return label if board.suite.budgets else f"{label}; {tuning_label(suites or [board.suite])}"


def _between(board: Board, rows: Sequence[BoardRow]) -> str:
    """Return what is transferred between, in short."""
    suite = board.suite
    if suite.matrix is not None:
        return f"among {', '.join(suite.matrix.elements)}"
    transfers = dict.fromkeys((row.transfer.source, row.transfer.target) for row in rows)
    text = ", ".join(f"{source} → {target}" for source, target in transfers)
    return text + (f", {len(suite.source_parts)} parts of the source" if suite.source_parts else "")
