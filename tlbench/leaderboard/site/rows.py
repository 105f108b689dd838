"""The rows of a board: every arm with its mean, its ratio to scratch and its rank."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from tlbench.leaderboard.site.boards import Board
from tlbench.leaderboard.site.intervals import ratios_of
from tlbench.leaderboard.site.pool import MEANS, Arm, Pool, Values, View
from tlbench.leaderboard.site.simulated import intervals_of_simulations
from tlbench.leaderboard.site.trust import Trust
from tlbench.metrics import METRICS
from tlbench.metrics.conditions import ConditionKey
from tlbench.metrics.statistics import MIN_PAIRS, Ratio, Standing, tie_groups
from tlbench.metrics.statistics.pairs import log_ratios
from tlbench.plan import Transfer
from tlbench.report.summary import BASELINE


@dataclass(frozen=True)
class Row:
    """One line of a board.

    Attributes
    ----------
    label
        What the model is called in the board.
    size, at
        Number of target training structures, and their temperature (None: of all). An arm that
        sees no target data stands at each of them, to be compared with scratch there.
    value, low, high
        Mean over pairs, and its 95 % interval where there is one.
    ratio
        To training from scratch; None for that itself, and for rates and times.
    n_pairs, n_expected
        How many pairs there are, and how many the suite asks for.
    trust
        How far the submission has been checked.
    standing
        Rank and tie group; None for what is incomplete, sees no target data or has fewer than
        `MIN_PAIRS` pairs, for submissions of which a check failed, and for rates and times, of
        which there are no tie groups.
    """

    view: View
    arm: Arm
    label: str
    size: int
    at: float | None
    value: float
    low: float | None
    high: float | None
    ratio: Ratio | None
    n_pairs: int
    n_expected: int
    trust: Trust
    standing: Standing | None = None

    @property
    def is_complete(self) -> bool:
        """Whether no pair is missing."""
        return self.n_pairs >= self.n_expected

    @property
    def group(self) -> int | None:
        """Tie group; None for what has no rank."""
        return self.standing.group if self.standing else None


def rows_of(board: Board, pool: Pool) -> list[Row]:
    """Return the rows of a board: by metric, test structures, transfer, size and rank."""
    spread = intervals_of_simulations(board)
    n_pairs, n_init_seeds = _expected(board)
    drafts: list[tuple[Row, Values, list[float]]] = []
    for view, arms in pool.views.items():
        for arm, values in arms.items():
            for size, at in _places(arm, arms):
                row = Row(
                    view=view,
                    arm=arm,
                    label=board.labels[arm.submission, arm.backbone],
                    size=size,
                    at=at,
                    value=math.fsum(values.values()) / len(values),
                    low=None,
                    high=None,
                    ratio=None,
                    n_pairs=len(values),
                    n_expected=n_pairs if arm.size else n_init_seeds,
                    trust=board.trust[arm.submission],
                )
                scratch = arms.get(replace(arm, size=size, at=at).scratch(), {})
                drafts.append((row, values, _logs(row, values, scratch)))
    rows = _with_intervals(drafts, pool, spread)
    ranks = _ranks(rows, pool)
    rows = [replace(row, standing=ranks.get((row.view, row.arm, row.size, row.at))) for row in rows]
    order = _Order(board, pool)
    return sorted(rows, key=order)


def _expected(board: Board) -> tuple[int, int]:
    pairs = board.suite.seed_pairs()
    return len(pairs), len({init_seed for _, init_seed in pairs})


def _places(arm: Arm, arms: Iterable[Arm]) -> list[tuple[int, float | None]]:
    """Return sizes and training temperatures at which an arm stands."""
    if arm.size:
        return [(arm.size, arm.at)]
    trained = {
        (other.size, other.at)
        for other in arms
        if other.size and (other.submission, other.backbone) == (arm.submission, arm.backbone)
    }
    return sorted(trained, key=lambda place: (place[0], place[1] or 0)) or [(0, None)]


def _logs(row: Row, values: Values, scratch: Values) -> list[float]:
    if row.view.metric in MEANS or row.arm.strategy == BASELINE:
        return []
    return list(log_ratios(values, scratch).values())


def _with_intervals(
    drafts: list[tuple[Row, Values, list[float]]],
    pool: Pool,
    spread: Mapping[tuple[str, Arm], tuple[float, float] | None],
) -> list[Row]:
    """Return the rows with means and ratios, all of them resampled together."""
    seeds = [pool.seeds[row.view.metric, row.view.transfer] for row, _, _ in drafts]
    geometric = [n for n, (row, _, _) in enumerate(drafts) if row.view.metric not in MEANS]
    compared = [n for n, (_, _, logs) in enumerate(drafts) if logs]
    samples = [(seeds[n], [math.log(v) for v in drafts[n][1].values()]) for n in geometric]
    means = dict(zip(geometric, ratios_of(samples), strict=True))
    found = ratios_of([(seeds[n], drafts[n][2]) for n in compared])
    ratios = dict(zip(compared, found, strict=True))
    rows = []
    for number, (row, _, _) in enumerate(drafts):
        value, ends = row.value, spread.get((row.view.metric, row.arm))
        if number in means:
            mean = means[number]
            value = mean.value
            ends = (mean.interval.low, mean.interval.high) if mean.interval else None
        low, high = ends or (None, None)
        rows.append(replace(row, value=value, low=low, high=high, ratio=ratios.get(number)))
    return rows


def _ranks(rows: list[Row], pool: Pool) -> dict[tuple[View, Arm, int, float | None], Standing]:
    """Return rank and tie group of what can be ranked.

    That is what is complete, was trained on target data, and has pairs enough for tie groups, in
    submissions of which no check failed.
    """
    rivals: dict[tuple[View, int, float | None], list[Row]] = defaultdict(list)
    for row in rows:
        enough = row.n_pairs >= MIN_PAIRS and row.view.metric not in MEANS
        if row.is_complete and row.arm.size and enough and not row.trust.differing:
            rivals[row.view, row.size, row.at].append(row)
    found = {}
    for (view, size, at), some in rivals.items():
        for arm, standing in _standings(view, some, pool).items():
            found[view, arm, size, at] = standing
    return found


def _standings(view: View, rivals: list[Row], pool: Pool) -> dict[Arm, Standing]:
    lower = METRICS.get(view.metric).better == "lower"
    # Ties in the mean are broken by name, which should not be that of an object in memory.
    named = {f"{row.label}, {row.arm.strategy}": row.arm for row in rivals}
    tables = {name: pool.views[view][arm] for name, arm in named.items()}
    seed = pool.seeds[view.metric, view.transfer]
    standings = tie_groups(tables, seed, lower_is_better=lower)
    return {named[name]: standing for name, standing in standings.items()}


class _Order:
    """The order of the rows of a board."""

    def __init__(self, board: Board, pool: Pool) -> None:
        self._metrics = pool.metrics(board.suite.error_metrics)
        transfers = [Transfer(*names) for names in transfers_of(board)]
        self._transfers = {transfer: n for n, transfer in enumerate(transfers)}

    def __call__(self, row: Row) -> tuple[object, ...]:
        metric, tested, transfer = row.view
        sign = 1 if METRICS.get(metric).better == "lower" else -1
        return (
            self._metrics.index(metric),
            condition_order(tested),
            self._transfers[transfer],
            row.size,
            row.at or 0,
            row.standing.rank if row.standing else math.inf,
            not (row.is_complete and row.arm.size),
            sign * row.value,
            row.label,
            row.arm.strategy,
        )


def transfers_of(board: Board) -> list[tuple[str, str | None, str]]:
    """Return source, its part and target of every transfer, in the order of the records."""
    return list(
        dict.fromkeys(
            (r.model.source, r.model.source_part, r.model.target)
            for member in board.members
            for r in member.entry.results.records
        )
    )


def condition_order(tested: ConditionKey) -> tuple[object, ...]:
    """Return what sorts test structures: all of them first, temperatures by their number."""
    names = tuple(name for name, _ in tested)
    return len(names), names, tuple((isinstance(v, str), v) for _, v in tested)
