"""Intervals of rates and times, which count replicas by model."""

from tlbench.leaderboard.site.boards import Board
from tlbench.leaderboard.site.pool import Arm
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
            rate = rate_of(models)
            found["stability_rate", arm] = (rate.low, rate.high)
            time = survival_time(models, dynamics.reference.time_ps)
            found["survival_time", arm] = time.interval
    return found
