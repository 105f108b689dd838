"""The rows of a board: the arms of all submissions with their means, ratios and ranks."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace

from tlbench.board.checks.trust import Trust
from tlbench.board.site.boards import Board, Member
from tlbench.board.site.tuning import Tuning, tuning_of
from tlbench.metrics import METRICS, has_logarithm, of_every_simulation
from tlbench.metrics.conditions import ConditionKey
from tlbench.metrics.statistics import FIXED, Convergence, Standing, tie_groups
from tlbench.report.budgets.outcomes import convergences, series_of, settled
from tlbench.report.budgets.words import state_text
from tlbench.report.dynamics.models import (
    arms_of,
    rate_of,
    structure_text,
    structures_in,
    survival_time,
)
from tlbench.report.rows import Row, condition_order, final, rows_of
from tlbench.results.shares import shares_of
from tlbench.study.model_key import Place, Transfer

Ends = tuple[float, float] | None
"""Ends of a 95 % interval."""


@dataclass(frozen=True)
class BoardRow(Row):
    """One line of a board: an arm of a submission.

    Attributes
    ----------
    label
        What the model is called in the board.
    ends
        Of the 95 % interval of the mean, where there is one.
    n_expected
        How many pairs the suite asks for.
    trust
        How far the submission has been checked.
    convergence
        How far the arm is converged; None for other budgets than the largest, and for suites of one
        budget.
    is_settled
        Whether both the arm and scratch are converged, so that their ratio compares what they end
        at.
    structure
        How many models have which structure, beside a rate or time of simulations; empty elsewhere.
        A simulation may be stable and its structure wrong.
    tuned
        Whether the arm, its source models and scratch are tuned.
    standing
        Rank and tie group; None for what is incomplete, sees no target data or has too few pairs
        (`tie_groups`), for what is not converged in a suite with several budgets, for submissions
        of which a check failed, and for rates, times and errors with a sign, of which there are no
        tie groups.
    """

    submission: str
    label: str
    ends: Ends
    n_expected: int
    trust: Trust
    convergence: Convergence | None = None
    is_settled: bool = False
    structure: str = ""
    tuned: Tuning = "no"
    standing: Standing | None = None

    @property
    def is_complete(self) -> bool:
        """Whether no pair is missing."""
        return self.mean.n_pairs >= self.n_expected

    @property
    def has_whole_ratio(self) -> bool:
        """Whether it has a ratio to scratch over all pairs; either arm may lack some."""
        return self.ratio is not None and self.ratio.n_pairs >= self.n_expected

    @property
    def name(self) -> str:
        """Model and strategy, unique in the board."""
        return f"{self.label}, {self.place.strategy}"

    @property
    def state(self) -> str:
        """Whether the arm is converged, in words; empty where that is not asked."""
        return state_text(self.convergence) if self.convergence else ""

    @property
    def group(self) -> int | None:
        """Tie group; None for what has no rank."""
        return self.standing.group if self.standing else None


def board_rows(board: Board) -> list[BoardRow]:
    """Return the rows of a board: by metric, test structures, transfer, size and rank."""
    pairs = board.suite.seed_pairs()
    n_models = len({init_seed for _, init_seed in pairs})
    rows = []
    for member in board.members:
        simulated = _simulated(member)
        entry = member.entry
        shares = shares_of(entry.errors(), entry.tests(), entry.suite.error_metrics)
        found = rows_of(entry.results.of_stable_crystals().records, shares)
        # Without budgets nothing is known of convergence.
        asked = found if board.suite.budgets else []
        known, sure = convergences(asked), settled(asked)
        last = {id(row) for row in final(asked)}
        for row in found:
            series = series_of(row)
            interval = row.mean.interval
            ends: Ends = (interval.low, interval.high) if interval else None
            ends, structure = simulated.get((row.metric, row.arm), (ends, ""))
            made = BoardRow(
                # Ratios are all that is made of the shares.
                **vars(row) | {"shares": {}},
                submission=member.name,
                label=board.labels[member.name, row.place.backbone],
                ends=ends,
                n_expected=1 if FIXED in row.values else len(pairs) if row.trained else n_models,
                trust=member.trust,
                convergence=known.get(series) if id(row) in last else None,
                is_settled=id(row) in last and series in sure,
                structure=structure,
                tuned=tuning_of(entry.suite, row.place, row.transfer.source),
            )
            rows.append(made)
    return sorted(_ranked(board, rows), key=_order(board, rows))


def _simulated(member: Member) -> dict[tuple[str, Place], tuple[Ends, str]]:
    """Return (metric, arm) → interval of rates and times, by model, and structure beside them."""
    dynamics = member.entry.results.dynamics
    found: dict[tuple[str, Place], tuple[Ends, str]] = {}
    if dynamics is None:
        return found
    for place, models in arms_of(dynamics, []).items():
        structure = structure_text(structures_in(dynamics, models))
        rate, time = rate_of(models), survival_time(models, dynamics.reference.time_ps)
        intervals = {"rate": (rate.low, rate.high), "survival": time.interval}
        for name in of_every_simulation():
            kind = METRICS.get(name).interval
            if kind in intervals:
                found[name, place] = intervals[kind], structure
    return found


def _ranked(board: Board, rows: list[BoardRow]) -> list[BoardRow]:
    """Return the rows with rank and tie group of what can be ranked.

    That is what is complete, was trained on target data, and has pairs enough for tie groups, in
    submissions of which no check failed; in suites with several budgets, also what is converged.
    """
    rivals: dict[tuple[str, ConditionKey, Transfer, int, float | None], list[BoardRow]]
    rivals = defaultdict(list)
    for row in rows:
        comparable = row.trained and has_logarithm(row.metric)
        if board.suite.budgets:
            comparable &= row.convergence is not None and row.convergence.is_converged
        if row.is_complete and comparable and not row.trust.differing:
            training_set = row.place.size, row.place.train_temperature_k
            rivals[row.metric, row.tested, row.transfer, *training_set].append(row)
    standings: dict[int, Standing] = {}
    for (metric, *_), some in rivals.items():
        lower = METRICS.get(metric).better == "lower"
        tables = {row.name: row.values for row in some}
        found = tie_groups(tables, lower_is_better=lower)
        standings |= {id(row): found[row.name] for row in some if found}
    return [replace(row, standing=standings.get(id(row))) for row in rows]


def _order(board: Board, rows: list[BoardRow]) -> Callable[[BoardRow], tuple[object, ...]]:
    """Return the sort key of the rows of a board."""
    first, found = board.suite.error_metrics, {row.metric for row in rows}
    metrics = [m for m in first if m in found] + sorted(found - set(first))
    transfers = list(dict.fromkeys(row.transfer for row in rows))

    def place(row: BoardRow) -> tuple[object, ...]:
        return (
            metrics.index(row.metric),
            condition_order(row.tested),
            transfers.index(row.transfer),
            row.place.size,
            row.place.train_temperature_k or 0,
            -(row.place.updates or 0),
            # Not by rank, which what is not shown to be converged has not, even if it is lowest.
            not (row.is_complete and row.trained),
            METRICS.get(row.metric).loss(row.mean.value),
            row.name,
        )

    return place
