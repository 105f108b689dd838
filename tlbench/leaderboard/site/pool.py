"""The values of all submissions of a board, arm by arm."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from tlbench.leaderboard.site.boards import Board
from tlbench.metrics.conditions import ConditionKey, key_of
from tlbench.metrics.statistics import Pair, bootstrap_seed
from tlbench.plan import PRETRAIN, Place, Transfer
from tlbench.report.summary import BASELINE

MEANS = ("stability_rate", "survival_time")
"""Metrics that may be 0, and so have arithmetic means; all others have geometric ones."""


class View(NamedTuple):
    """What is measured: a metric on some test structures, in one transfer."""

    metric: str
    tested: ConditionKey
    transfer: Transfer


@dataclass(frozen=True, order=True)
class Arm:
    """Models that differ in nothing but their seeds; ``size`` is 0 without target data."""

    submission: str
    backbone: str
    strategy: str
    size: int
    at: float | None

    @classmethod
    def of(cls, submission: str, place: Place) -> "Arm":
        """Return the arm that has a place in a submission."""
        return cls(
            submission, place.backbone, place.strategy, place.size, place.train_temperature_k
        )

    def scratch(self) -> "Arm":
        """Return the arm that it is compared with."""
        return replace(self, strategy=BASELINE)


Values = dict[Pair, float]


@dataclass
class Pool:
    """All values of a board.

    Attributes
    ----------
    views
        What is measured → arm → its values.
    seeds
        (metric, transfer) → seed of the bootstrap, a function of the records alone.
    """

    views: dict[View, dict[Arm, Values]] = field(default_factory=dict)
    seeds: dict[tuple[str, Transfer], int] = field(default_factory=dict)

    def metrics(self, first: Sequence[str]) -> list[str]:
        """Return all metrics, the suite's own ``first``."""
        found = {view.metric for view in self.views}
        return [m for m in first if m in found] + sorted(found - set(first))


def pool_of(board: Board) -> Pool:
    """Return the values of all members of ``board``; of source models there are none."""
    pool = Pool()
    jobs: dict[tuple[str, Transfer], set[str]] = defaultdict(set)
    sources: dict[str, set[str]] = defaultdict(set)
    for member in board.members:
        for r in member.entry.results.records:
            transfer = r.model.transfer
            if r.model.strategy == PRETRAIN:
                sources[r.metric].add(f"{r.job}/{r.metric}")
                continue
            jobs[r.metric, transfer].add(f"{r.job}/{r.metric}")
            # An error of exactly zero has no logarithm.
            if r.value <= 0 and r.metric not in MEANS:
                continue
            view = View(r.metric, key_of(r.condition), transfer)
            arm = Arm.of(member.name, r.model.place)
            values = pool.views.setdefault(view, {}).setdefault(arm, {})
            values[r.model.pair] = r.value
    one = len({transfer for _, transfer in jobs}) == 1
    for (metric, transfer), found in jobs.items():
        # As in the report, so that it and the board give the same intervals.
        pool.seeds[metric, transfer] = bootstrap_seed(found | (sources[metric] if one else set()))
    return pool


_WORDS = {
    "temperature_k": "{:g} K",
    "phase": "{}",
    "group": "kind: {}",
    "md_temperature_k": "simulations at {:g} K",
}


def condition_text(tested: ConditionKey) -> str:
    """Return in words what is tested on."""
    known = dict(tested)
    parts = [_WORDS[name].format(known.pop(name)) for name in _WORDS if name in known]
    parts += [f"{name}: {value}" for name, value in known.items()]
    return ", ".join(parts) or "all test structures"
