"""What a board says in a few numbers: for the landing page and the front page of a repository."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tlbench.base.errors import InputError
from tlbench.base.files import write_whole
from tlbench.board.site.boards import Board, Kind
from tlbench.board.site.rows import BoardRow
from tlbench.metrics import METRICS
from tlbench.metrics.statistics import Ratio
from tlbench.report.markdown import markdown_table
from tlbench.report.rows import final
from tlbench.report.wording import (
    AT_THIS_BUDGET,
    BASELINE,
    at_budget,
    budget_label,
    n_pairs_text,
    number_text,
    ratio_text,
)

FINETUNE = "finetune"

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
        Those of its complete rows, the smallest first.
    best
        The first of the ranked rows at the largest size, of converged models in suites with
        budgets; None where pairs are too few for ranks, or errors of several targets, or training
        temperatures, are side by side.
    n_tied
        How many other rows it cannot be distinguished from.
    transfer
        What is transferred between, in short.
    budget
        How long all arms were trained, and that this is not shown to be enough.
    claim
        What the ratios compare: errors "once converged", or those at a budget.
    """

    metric: str
    arm: str
    ratios: list[Ratio]
    best: BoardRow | None
    n_tied: int
    transfer: str
    budget: str
    claim: str = AT_THIS_BUDGET

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

    @property
    def best_of(self) -> str:
        """What the lowest error is of: converged models, or all of them at one budget."""
        has_budgets = self.best is not None and self.best.place.updates is not None
        return "of converged models" if has_budgets else AT_THIS_BUDGET

    def best_text(self) -> str:
        """Return the best model with its error, as ``dimenetpp, finetune: 64.2 meV/Å``."""
        if self.best is None:
            return "–"
        tied = f" (tied with {self.n_tied} more)" if self.n_tied else ""
        error = f"{number_text(self.best.mean.value)} {METRICS.get(self.metric).unit}"
        return f"{self.best.name}, N = {self.best.place.size}: {error}{tied}"

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
    metric = board.suite.error_metrics[0]
    main = [
        row
        for row in rows
        if row.metric == metric and not row.tested and row.is_complete and not row.trust.differing
    ]
    claim = at_budget(board.suite)
    ranked: list[BoardRow] = []
    if len({(row.transfer, row.place.train_temperature_k) for row in main}) == 1:
        largest = max(row.place.size for row in main)
        # Rows stand in the order of their ranks.
        ranked = [row for row in main if row.place.size == largest and row.standing]
    if board.suite.budgets:
        main = final(main)
        if any(row.is_settled and row.place.strategy != BASELINE for row in main):
            main, claim = [row for row in main if row.is_settled], CONVERGED
        else:
            claim = f"{claim}, not shown to be converged"
    trained = [r for r in main if r.trained and r.place.strategy != BASELINE and r.ratio]
    tuned = [r for r in trained if r.place.strategy == FINETUNE] or trained
    names = {row.place.strategy for row in tuned}
    return Headline(
        metric=metric,
        arm=names.pop() if len(names) == 1 else "all trained arms",
        ratios=sorted((r.ratio for r in tuned if r.ratio), key=lambda ratio: ratio.value),
        best=ranked[0] if ranked else None,
        n_tied=sum(row.group == ranked[0].group for row in ranked[1:]),
        transfer=_between(board, rows),
        budget=budget_label(board.suite, [member.entry.suite for member in board.sound]),
        claim=claim,
    )


def _between(board: Board, rows: Sequence[BoardRow]) -> str:
    """Return what is transferred between, in short."""
    suite = board.suite
    if suite.matrix is not None:
        return f"every pair of {', '.join(suite.matrix.elements)}"
    transfers = dict.fromkeys((row.transfer.source, row.transfer.target) for row in rows)
    text = ", ".join(f"{source} → {target}" for source, target in transfers)
    return text + (f", {len(suite.source_parts)} parts of the source" if suite.source_parts else "")


START, END = "<!-- board -->", "<!-- end of board -->"


def overview_table(published: Sequence[Published]) -> str:
    """Return one line in Markdown for each board of a suite that tlbench ships.

    It is about the submissions of which no check has failed; without any there is no line.
    """
    lines = [["suite", "transfer", "submissions", "budget", "error / scratch", "compared", "pairs"]]
    for each in published:
        board, headline = each.board, each.headline
        if board.kind is not Kind.SHIPPED or not board.sound:
            continue
        cells = [
            board.suite.name,
            headline.transfer,
            str(len(board.sound)),
            headline.budget,
            f"{headline.arm}: {headline.range_text()}" if headline.ratios else "–",
            headline.claim,
            headline.pairs_text(),
        ]
        lines.append([cell.replace("|", "\\|") for cell in cells])
    return markdown_table(lines).replace("--:", "---")


def check_readme(path: Path) -> str:
    """Return the text of a file that the table can be put into.

    Raises
    ------
    InputError
        If it cannot be read, or does not have both markers once, in order.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--readme {path}: cannot be read ({error}).") from error
    if text.count(START) != 1 or text.count(END) != 1 or text.index(START) > text.index(END):
        raise InputError(
            f"--readme {path}: put the lines {START} and {END} where the table should stand, once "
            "each; what is between them is replaced."
        )
    return text


def write_readme(path: Path, table: str) -> None:
    """Put the table between the markers of a file, which appears whole or not at all."""
    text = check_readme(path)
    before, after = text.partition(START)[0], text.partition(END)[2]
    write_whole(path, f"{before}{START}\n\n{table}\n{END}{after}")
