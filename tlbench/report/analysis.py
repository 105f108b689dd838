"""What the sections of a report are made of."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from tlbench.metrics import METRICS, has_logarithm
from tlbench.metrics.conditions import ConditionKey
from tlbench.metrics.statistics import negative_transfer
from tlbench.report.content import Lines
from tlbench.report.rows import Row, final, rows_of, strategies_of, transfers_of
from tlbench.report.wording import (
    BASELINE,
    UNFITTED,
    UNFITTED_NOTE,
    WORSE_NOTE,
    interval_note,
    ratio_text,
    seeds_note,
    temperature_text,
)
from tlbench.results.results import Results
from tlbench.results.shares import Shares, shares_of
from tlbench.study.model_key import Place, Transfer
from tlbench.study.suite import Suite

MOST_BESIDE = 4
"""Arms that are shown side by side in a table, and with bands in a plot; more cannot be read."""

SIGNED_NOTE = (
    "Arithmetic means over pairs, with 95 % intervals (Student's) from three pairs on: errors of "
    "opposite sign cancel."
)


@dataclass(frozen=True)
class Analysis:
    """Results of a suite with what follows from them, computed once.

    Attributes
    ----------
    results
        Those given, with values of unstable crystals as failures.
    every_metric
        Those that are shown; the first is the one of figures and sentences of which there is one.
    shares
        What test structures add to errors; None for what follows from the results.
    """

    results: Results
    suite: Suite
    every_metric: tuple[str, ...]
    shares: Shares | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "results", self.results.of_stable_crystals())

    @classmethod
    def of(cls, results: Results, suite: Suite) -> "Analysis":
        """Return the analysis of a run by all metrics of errors of its suite."""
        return cls(results, suite, tuple(suite.error_metrics))

    @property
    def metrics(self) -> list[str]:
        """Those of ``every_metric`` that are positive, so that arms are compared by ratios."""
        return [metric for metric in self.every_metric if has_logarithm(metric)]

    @cached_property
    def every_row(self) -> list[Row]:
        """Every arm with its mean and ratio to scratch, at every budget, of all weights."""
        results, shares = self.results, self.shares
        if shares is None:
            shares = shares_of(results.errors, results.tests, self.suite.error_metrics)
        return rows_of(results.records, shares)

    @cached_property
    def rows(self) -> list[Row]:
        """Every arm with its mean and ratio to scratch: last weights, at the largest budget."""
        return final(self.every_row)

    @cached_property
    def strategies(self) -> list[str]:
        """The arms that were measured on the target, the baseline first."""
        return strategies_of(self.results.records)

    @cached_property
    def transfers(self) -> list[Transfer]:
        """What is transferred between, in the order of the records."""
        return transfers_of(self.results.records)

    @property
    def has_several(self) -> bool:
        """Whether there is more than one transfer."""
        return len(self.transfers) > 1

    def of_metric(self, metric: str, tested: ConditionKey = ()) -> list[Row]:
        """Return the rows of a metric on some test structures."""
        return [row for row in self.rows if row.metric == metric and row.tested == tested]

    @staticmethod
    def cases(rows: Iterable[Row]) -> dict[str, list[Row]]:
        """Return rows by transfer and, where models saw one temperature only, by that, in words."""
        found: dict[str, list[Row]] = {}
        for row in rows:
            at = row.place.train_temperature_k
            trained = "" if at is None else f", trained at {at:g} K"
            found.setdefault(f"{row.transfer.label()}{trained}", []).append(row)
        return found


def comparison(
    rows: list[Row], names: list[dict[str, str]], strategies: list[str]
) -> tuple[Lines, Lines]:
    """Return errors and ratios to scratch: arms side by side, and below each other.

    There are no ratios without models from scratch. Errors that have a sign have none either, but
    have the intervals of their means instead.

    Parameters
    ----------
    names
        The first cells of each of ``rows``, by title; rows that have the same share a line.
    """
    lines: dict[tuple[str, ...], dict[str, Row]] = {}
    for row, cells in zip(rows, names, strict=True):
        lines.setdefault(tuple(cells.values()), {})[row.place.strategy] = row
    titles, metric = names[0] if names else {}, rows[0].metric if rows else ""
    is_compared = BASELINE in strategies and has_logarithm(metric)
    compared = [s for s in strategies if s != BASELINE] if is_compared else []
    beside = [[*titles, *strategies, *(f"{s} / {BASELINE}" for s in compared)]]
    below = [[*titles, "arm", metric, *([f"/ {BASELINE}"] if compared else [])]]
    for first, arms in lines.items():
        errors = {s: _error_cell(arms.get(s)) for s in strategies}
        ratios = {s: _ratio_cell(arms.get(s)) for s in strategies}
        beside.append([*first, *errors.values(), *(ratios[s] for s in compared)])
        below += [[*first, s, errors[s], *([ratios[s]] if compared else [])] for s in strategies]
    return beside, below


def _error_cell(row: Row | None) -> str:
    if row is None:
        return "–"
    text, mark = METRICS.get(row.metric).text, "" if row.is_comparable else UNFITTED
    if has_logarithm(row.metric) or row.mean.interval is None:
        return text(row.mean.value) + mark
    low, high = text(row.mean.interval.low), text(row.mean.interval.high)
    return f"{text(row.mean.value)} [{low}, {high}]{mark}"


def _ratio_cell(row: Row | None) -> str:
    return "–" if row is None or row.ratio is None else ratio_text(row.ratio, row.trained)


def place_cells(rows: list[Row]) -> list[dict[str, str]]:
    """Return backbone, size and, where there are any, training temperature of each row."""
    has_temperatures = any(row.place.train_temperature_k is not None for row in rows)
    has_budgets = len({row.place.updates for row in rows}) > 1
    found = []
    for place in (row.place for row in rows):
        found.append({"backbone": place.backbone, "N": str(place.size)})
        if has_budgets:
            found[-1]["updates"] = "–" if place.updates is None else f"{place.updates:,}"
        if has_temperatures:
            found[-1]["trained at (K)"] = temperature_text(place.train_temperature_k)
    return found


def arm_cells(places: Iterable[Place]) -> dict[Place, dict[str, str]]:
    """Return the first cells of the line of each arm; with temperatures if there are any.

    With updates, too, if there are several numbers of them.
    """
    places = list(places)
    has_budgets = len({place.updates for place in places} - {None}) > 1
    has_temperatures = any(place.train_temperature_k is not None for place in places)
    found = {}
    for place in places:
        found[place] = {"backbone": place.backbone, "arm": place.strategy, "N": str(place.size)}
        if has_budgets:
            found[place]["updates"] = "–" if place.updates is None else f"{place.updates:,}"
        if has_temperatures:
            at = temperature_text(place.train_temperature_k, not place.size)
            found[place]["trained at (K)"] = at
    return found


def note_of(rows: list[Row], signs_only: bool = False) -> str:
    """Return what the signs in ratios mean, and what their intervals span and do not span."""
    unfitted = "" if all(row.is_comparable for row in rows) else UNFITTED_NOTE
    if rows and not has_logarithm(rows[0].metric):
        return f"{SIGNED_NOTE} {unfitted}".rstrip()
    # An arm without target data cannot but be worse than many structures.
    ratios = [row.ratio for row in rows if row.ratio is not None and row.trained]
    notes = [WORSE_NOTE] if any(map(negative_transfer, ratios)) else []
    notes.append(interval_note(ratios))
    # A published potential as it is has no seed.
    n_init_seeds = len({pair[1] for row in rows for pair in row.values} - {None})
    if not signs_only and n_init_seeds < max((ratio.n_pairs for ratio in ratios), default=0):
        notes.append(seeds_note(n_init_seeds))
    return " ".join(filter(None, [*notes, unfitted]))


def present(rows: list[Row], strategies: list[str]) -> list[str]:
    """Return those of ``strategies`` of which there are rows."""
    found = {row.place.strategy for row in rows}
    return [strategy for strategy in strategies if strategy in found]
