"""Ranks, with what cannot be distinguished."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from tlbench.metrics.statistics.interval import MIN_PAIRS
from tlbench.metrics.statistics.ratio import (
    FIXED,
    Pair,
    Table,
    in_order,
    log_ratios,
    model_of,
    positive_log,
    ratio_of,
)


@dataclass(frozen=True)
class Standing:
    """Where an entry stands; 1 is best.

    Attributes
    ----------
    rank
        By geometric mean; entries that are equal share it.
    group
        Entries of one group cannot be distinguished from its leader.
    """

    rank: int
    group: int


def tie_groups(
    entries: Mapping[str, Table], *, lower_is_better: bool = True
) -> dict[str, Standing]:
    """Rank entries, and group those that cannot be distinguished.

    The best entry not yet grouped leads a group. The entries that follow belong to it until one
    is worse than the leader, that is, until the 95 % interval of their paired ratio lies wholly
    on the worse side of 1; that one leads the next group. With fewer than `MIN_PAIRS` common
    pairs nothing can be distinguished, and nothing is ranked.

    Being tied is not transitive: of three entries the middle one may be tied with both others
    though these differ. Each entry is compared with the leader of its group only, so the last of
    a group and the leader of the next may well be tied, and which entries share a group depends
    on who leads it. Read a group as "not shown to be worse than its leader", no more. Intervals
    are not widened for the number of comparisons, and are over pairs alone: all entries are
    measured on one set of test structures, and their order is that on this set; another set may
    order them in another way.

    Parameters
    ----------
    entries
        Name → pair → positive value. Ranks are taken over the pairs that every entry has,
        comparisons over all that the two entries have.
    lower_is_better
        Which direction is an improvement.

    Returns
    -------
    dict
        Name → standing, best first, equal ones by name. Empty where all entries have too few
        independent pairs in common; rank those that have more, and list the others as incomplete.

    Raises
    ------
    ValueError
        If a value is not positive.
    """
    common = _common_pairs(entries)
    if _n_independent(entries, common) < MIN_PAIRS:
        return {}
    sign = 1 if lower_is_better else -1
    means = {name: sign * _mean_log(table, common) for name, table in entries.items()}
    standings: dict[str, Standing] = {}
    leader, group, rank, before = "", 0, 0, -math.inf
    for place, name in enumerate(sorted(entries, key=lambda n: (means[n], n)), start=1):
        if not group or _is_worse(entries[name], entries[leader], sign):
            leader, group = name, group + 1
        rank = place if means[name] > before else rank
        before = means[name]
        standings[name] = Standing(rank, group)
    return standings


def _common_pairs(entries: Mapping[str, Table]) -> list[Pair]:
    """Return the pairs for which every entry has a model."""
    pairs: set[Pair] = set().union(*entries.values())
    return in_order(p for p in pairs if all(model_of(table, p) for table in entries.values()))


def _n_independent(entries: Mapping[str, Table], pairs: list[Pair]) -> int:
    """Return how many pairs share no model; those of an arm without subsets share its own."""
    models = {pair for table in entries.values() for pair in table} - {FIXED}
    shared = any(subset is None for subset, _ in models)
    return len({init for _, init in pairs} if shared else pairs)


def _mean_log(table: Table, pairs: list[Pair]) -> float:
    models = [model_of(table, pair) for pair in pairs]
    return math.fsum(positive_log(table[model]) for model in models if model) / len(pairs)


def _is_worse(entry: Table, leader: Table, sign: int) -> bool:
    interval = ratio_of(log_ratios(entry, leader).values()).interval
    return interval is not None and sign * interval.side() > 0
