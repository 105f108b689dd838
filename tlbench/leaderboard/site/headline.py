"""What a board says in a few numbers: for the landing page and the front page of a repository."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tlbench.leaderboard.site.boards import Board
from tlbench.leaderboard.site.rows import Row
from tlbench.metrics import METRICS
from tlbench.report.budget import budget_label
from tlbench.report.summary import BASELINE, n_pairs_text, ratio_text

FINETUNE = "finetune"


@dataclass(frozen=True)
class Headline:
    """The range of a board, by the first metric of its suite on the whole test set.

    Ratios are not counted: they share models from scratch, or source models. Submissions of which
    a check failed are left out.

    Attributes
    ----------
    arm
        Which arm is compared with scratch: fine-tuning where it is run, else the only trained arm,
        or all of them.
    ratios
        Its complete rows with a ratio, the smallest ratio first.
    best
        The first of the ranked rows at the largest size; None where pairs are too few for ranks,
        or errors of several targets, or training temperatures, are side by side.
    n_tied
        How many other rows it cannot be distinguished from.
    transfer
        What is transferred between, in short.
    budget
        How long all arms were trained, and that this is not shown to be enough.
    """

    metric: str
    unit: str
    arm: str
    ratios: list[Row]
    best: Row | None
    n_tied: int
    transfer: str
    budget: str

    def range_text(self) -> str:
        """Return the smallest and the largest ratio; where there is one, with its interval."""
        found = [row.ratio for row in self.ratios if row.ratio]
        if not found:
            return "–"
        if len(found) == 1:
            return ratio_text(found[0])
        low, high = f"{found[0].value:.2f}", f"{found[-1].value:.2f}"
        return low if low == high else f"{low} to {high}"

    def pairs_text(self) -> str:
        """Return how many pairs the ratios are taken over."""
        counts = sorted({row.ratio.n_pairs for row in self.ratios if row.ratio})
        if not counts:
            return "–"
        return n_pairs_text(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]} pairs"

    def best_text(self) -> str:
        """Return the best model with its error, as ``dimenetpp, finetune: 64.2 meV/Å``."""
        if self.best is None:
            return "–"
        row = self.best
        tied = f" (tied with {self.n_tied} more)" if self.n_tied else ""
        return (
            f"{row.label}, {row.arm.strategy}, N = {row.size}: {number_text(row.value)} {self.unit}"
            f"{tied}"
        )


def headline_of(board: Board, rows: Sequence[Row]) -> Headline:
    """Return the range of ratios of a board, and its lowest error."""
    metric = board.suite.error_metrics[0]
    sound = [r for r in rows if not r.trust.differing]
    main = [r for r in sound if r.view.metric == metric and not r.view.tested and r.is_complete]
    trained = [r for r in main if r.arm.size and r.arm.strategy != BASELINE and r.ratio]
    tuned = [r for r in trained if r.arm.strategy == FINETUNE]
    names = {r.arm.strategy for r in tuned or trained}
    arm = names.pop() if len(names) == 1 else "all trained arms"
    ratios = sorted(tuned or trained, key=lambda r: r.ratio.value if r.ratio else math.inf)
    ranked: list[Row] = []
    if len({(r.view.transfer, r.at) for r in main}) == 1:
        largest = max(r.size for r in main)
        # Rows stand in the order of their ranks.
        ranked = [r for r in main if r.size == largest and r.standing]
    return Headline(
        metric,
        METRICS.get(metric).unit,
        arm,
        ratios,
        ranked[0] if ranked else None,
        sum(r.group == ranked[0].group for r in ranked[1:]),
        between(board, rows),
        budget_label(board.suite),
    )


def between(board: Board, rows: Sequence[Row]) -> str:
    """Return what is transferred between, in short."""
    suite = board.suite
    if suite.matrix is not None:
        return f"every pair of {', '.join(suite.matrix.elements)}"
    transfers = list(dict.fromkeys((r.view.transfer.source, r.view.transfer.target) for r in rows))
    text = ", ".join(f"{source} → {target}" for source, target in transfers)
    return text + (f", {len(suite.source_parts)} parts of the source" if suite.source_parts else "")


def number_text(value: float) -> str:
    """Return a value with the digits that mean something."""
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 1 else f"{value:.3g}"
