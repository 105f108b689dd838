"""Intervals of rates and times, which count replicas by model."""

from tlbench.leaderboard.site.boards import Board
from tlbench.leaderboard.site.pool import Arm
from tlbench.metrics import METRICS, of_every_simulation
from tlbench.report.dynamics.models import arms_of, rate_of, survival_time

Ends = tuple[float, float] | None


def intervals_of_simulations(board: Board) -> dict[tuple[str, Arm], Ends]:
    """Return (metric, arm) → 95 % interval of every arm that was simulated."""
    found: dict[tuple[str, Arm], Ends] = {}
    for member in board.members:
        dynamics = member.entry.results.dynamics
        if dynamics is None:
            continue
        for place, models in arms_of(dynamics, []).items():
            arm = Arm.of(member.name, place)
            rate, time = rate_of(models), survival_time(models, dynamics.reference.time_ps)
            intervals = {"rate": (rate.low, rate.high), "survival": time.interval}
            for name in of_every_simulation():
                kind = METRICS.get(name).interval
                if kind in intervals:
                    found[name, arm] = intervals[kind]
    return found
