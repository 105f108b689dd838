"""Records boiled down to one table."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tlbench.metrics.statistics import (
    Curve,
    Pair,
    Ratio,
    bootstrap_seed,
    geometric_mean,
    negative_transfer,
    paired_ratio,
)
from tlbench.plan import PRETRAIN, Place
from tlbench.records import Record

BASELINE = "scratch"
MOST_BESIDE = 4
"""Arms that are shown side by side in a table, and with bands in a plot; more cannot be read."""
WORSE = {"": "", "seen": " △", "significant": " ▲"}
WORSE_NOTE = (
    "△: larger error than from scratch, which may be chance. ▲: larger with 95 % confidence. Both "
    "hold for the number of updates that all arms had."
)


Errors = dict[Place, dict[Pair, float]]
"""Place → the value of each pair."""


@dataclass(frozen=True)
class Row:
    """One backbone at one size, trained at one temperature or at all.

    Attributes
    ----------
    errors
        Strategy → geometric mean of the metric over pairs.
    ratios
        Strategy → its paired ratio to the baseline.
    """

    backbone: str
    size: int
    train_temperature_k: float | None
    errors: Mapping[str, float]
    ratios: Mapping[str, Ratio]


@dataclass(frozen=True)
class Summary:
    """A table of one metric: a row per backbone and size, a column per strategy."""

    metric: str
    unit: str
    strategies: list[str]
    rows: list[Row]
    untrained: frozenset[str] = frozenset()
    """Strategies without target data: they cannot but be worse than many structures."""
    n_init_seeds: int = 0
    """Different init seeds: initial weights, and source models, that there are."""


def target_errors(
    records: Iterable[Record], metric: str, condition: Mapping[str, float | str] | None = None
) -> Errors:
    """Return the values of ``metric`` on the target under one condition, by model."""
    found: Errors = defaultdict(dict)
    for r in records:
        # An error of exactly zero has no logarithm.
        wanted = r.metric == metric and r.condition == (condition or {}) and r.value > 0
        if wanted and r.model.strategy != PRETRAIN:
            found[r.model.place][r.model.pair] = r.value
    return dict(found)


def seed_of(records: Iterable[Record], metric: str) -> int:
    """Return the bootstrap's seed: a function of the records alone, whatever their order."""
    return bootstrap_seed({f"{r.job}/{r.metric}" for r in records if r.metric == metric})


def strategies_of(records: Iterable[Record]) -> list[str]:
    """Return the arms that were measured on the target, the baseline first."""
    names = dict.fromkeys(r.model.strategy for r in records if r.model.strategy != PRETRAIN)
    return sorted(names, key=lambda name: name != BASELINE)


def arm_at(errors: Errors, row: Place) -> dict[Pair, float]:
    """Return the values of an arm at a place; of one without target data, wherever it is asked."""
    return errors.get(row) or errors.get(row.replace(size=0, train_temperature_k=None), {})


def curve_of(errors: Errors, backbone: str, strategy: str) -> Curve:
    """Return the learning curve of one arm, over structures of all temperatures."""
    return {
        place.size: pairs
        for place, pairs in sorted(errors.items(), key=lambda item: item[0].size)
        if (place.backbone, place.strategy) == (backbone, strategy)
        and place.train_temperature_k is None
    }


def summarise(
    records: list[Record], metric: str, condition: Mapping[str, float | str] | None = None
) -> Summary:
    """Return the table of ``metric`` on all test structures, or on those of one condition.

    Strategies that see no target data are in every row; alone, they have a row of size 0.
    """
    errors = target_errors(records, metric, condition)
    unit = next((r.unit for r in records if r.metric == metric), "")
    strategies = [s for s in strategies_of(records) if any(p.strategy == s for p in errors)]
    trained = any(place.size for place in errors)
    places = {(p.backbone, p.size, p.train_temperature_k) for p in errors if p.size or not trained}
    seed = seed_of(records, metric)
    rows = []
    for place in sorted(places, key=lambda p: (p[0], p[1], p[2] or 0)):
        backbone, size, temperature = place
        values = {s: arm_at(errors, Place(backbone, s, size, temperature)) for s in strategies}
        means = {s: geometric_mean(list(v.values())) for s, v in values.items() if v}
        found = {
            s: paired_ratio(v, values.get(BASELINE, {}), seed)
            for s, v in values.items()
            if s != BASELINE
        }
        ratios = {s: ratio for s, ratio in found.items() if ratio}
        rows.append(Row(backbone, size, temperature, means, ratios))
    untrained = {s for s in strategies if {p.size for p in errors if p.strategy == s} == {0}}
    init_seeds = {init_seed for pairs in errors.values() for _, init_seed in pairs}
    return Summary(metric, unit, strategies, rows, frozenset(untrained), len(init_seeds))


def header(summary: Summary) -> list[str]:
    """Return the column titles of the table."""
    ratios = [f"{s} / {BASELINE}" for s in summary.strategies if s != BASELINE]
    at = ["trained at (K)"] if _has_temperatures(summary) else []
    return ["backbone", "N", *at, *summary.strategies, *ratios]


def cells(summary: Summary, row: Row) -> list[str]:
    """Return the cells of one row as text."""
    at = []
    if _has_temperatures(summary):
        at = ["all" if row.train_temperature_k is None else f"{row.train_temperature_k:g}"]
    errors = [f"{row.errors[s]:.1f}" if s in row.errors else "–" for s in summary.strategies]
    ratios = [
        ratio_text(row.ratios[s], s not in summary.untrained) if s in row.ratios else "–"
        for s in summary.strategies
        if s != BASELINE
    ]
    return [row.backbone, str(row.size), *at, *errors, *ratios]


def lines_by_place(summary: Summary) -> list[list[str]]:
    """Return the table with the arms side by side, the header first."""
    return [header(summary), *(cells(summary, row) for row in summary.rows)]


def lines_by_arm(summary: Summary) -> list[list[str]]:
    """Return the same numbers with a line for each arm, the header first."""
    return below_each_other(lines_by_place(summary), summary.strategies, summary.metric)


def below_each_other(lines: list[list[str]], strategies: list[str], metric: str) -> list[list[str]]:
    """Return a table with its arms side by side as one with a line for each arm.

    Parameters
    ----------
    lines
        Names, then the error of each strategy, then the ratio of each but the baseline; the header
        first.
    """
    n_arms = len(strategies)
    n_names = len(lines[0]) - 2 * n_arms + (BASELINE in strategies)
    found = [[*lines[0][:n_names], "arm", metric, f"/ {BASELINE}"]]
    for line in lines[1:]:
        ratios = iter(line[n_names + n_arms :])
        for strategy, error in zip(strategies, line[n_names:], strict=False):
            ratio = "–" if strategy == BASELINE else next(ratios)
            found.append([*line[:n_names], strategy, error, ratio])
    return found


def _has_temperatures(summary: Summary) -> bool:
    return any(row.train_temperature_k is not None for row in summary.rows)


def ratio_text(ratio: Ratio, flagged: bool = True) -> str:
    """Return a ratio with its interval, or with its number of pairs if they are too few.

    If ``flagged``, a sign marks an error larger than that of the baseline; see ``WORSE_NOTE``.
    """
    pairs = f"({n_pairs_text(ratio.n_pairs)})"
    spread = f"[{ratio.interval.low:.2f}, {ratio.interval.high:.2f}]" if ratio.interval else pairs
    return f"{ratio.value:.2f} {spread}{WORSE[negative_transfer(ratio)] if flagged else ''}"


def range_text(found: list[tuple[Ratio, str]]) -> str:
    """Return the smallest and the largest of some ratios, each with the name of its place."""
    ends = []
    extremes = (pick(found, key=lambda each: each[0].value) for pick in (min, max))
    for ratio, where in dict.fromkeys(extremes):
        spread = f" [{ratio.interval.low:.2f}, {ratio.interval.high:.2f}]" if ratio.interval else ""
        pairs = "" if ratio.interval else f"; {n_pairs_text(ratio.n_pairs)}"
        ends.append(f"{ratio.value:.2f}{spread} ({where}{pairs})")
    return " to ".join(ends)


def n_pairs_text(count: int) -> str:
    """Return how many pairs there are, in words."""
    return f"{count} pair{'s' if count != 1 else ''}"


def note(summary: Summary) -> str:
    """Return what the signs in the ratios mean, and what their intervals do not span."""
    ratios = [
        ratio
        for row in summary.rows
        for strategy, ratio in row.ratios.items()
        if strategy not in summary.untrained
    ]
    notes = [WORSE_NOTE] if any(negative_transfer(ratio) for ratio in ratios) else []
    n_pairs = max((ratio.n_pairs for ratio in ratios), default=0)
    if summary.n_init_seeds < n_pairs:
        notes.append(shared_seeds(summary.n_init_seeds))
    return " ".join(notes)


def shared_seeds(n_init_seeds: int) -> str:
    """Say what is not sampled where pairs have fewer init seeds than there are pairs."""
    seeds = f"{n_init_seeds} init seed{'s' if n_init_seeds != 1 else ''}"
    return (
        f"The pairs share {seeds}, so their spread is that of the choice of structures and hardly "
        "that of initial weights and source models."
    )


def markdown_table(lines: list[list[str]]) -> str:
    """Return a Markdown table, the first line its header, numbers to the right."""
    rule = ["---"] + ["--:"] * (len(lines[0]) - 1)
    shown = [[plain(cell) for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in [shown[0], rule, *shown[1:]])


def plain(text: str) -> str:
    """Return ``text`` so that Markdown takes none of it for markup: names may be anybody's."""
    text = re.sub("<(?=[A-Za-z/!?])", "&lt;", " ".join(text.split()))
    return text.replace("|", "\\|").replace("](", "]&#40;").replace("`", "&#96;")
