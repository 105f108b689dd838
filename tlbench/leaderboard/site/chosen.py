"""Which models figures show: the best of a board, with their results under one name each."""

import math
from collections import defaultdict
from collections.abc import Sequence

from tlbench.costs import Cost
from tlbench.dynamics import Dynamics
from tlbench.leaderboard.site.boards import Board, Member
from tlbench.leaderboard.site.rows import Row
from tlbench.metrics import METRICS
from tlbench.records import Record

SHOWN = 8
"""Models in a figure."""

Model = tuple[str, str]
"""Name of a member, and backbone."""


def best_models(board: Board, rows: Sequence[Row]) -> list[Model]:
    """Return the models that figures show.

    That are those with results in most places (transfer, size, training temperature), of these
    the ones with the best geometric mean over places of their best arm, by the first metric of
    the suite on the whole test set. Those of submissions of which a check failed are not shown.
    """
    metric = board.suite.error_metrics[0]
    sign = 1 if METRICS.get(metric).better == "lower" else -1
    best: dict[Model, dict[tuple[object, ...], float]] = defaultdict(dict)
    for row in rows:
        if row.view.metric == metric and not row.view.tested and row.is_complete and row.value > 0:
            places = best[row.arm.submission, row.arm.backbone]
            place = row.view.transfer, row.size, row.at
            places[place] = min(places.get(place, math.inf), sign * math.log(row.value))

    def merit(model: Model) -> tuple[float, float, Model]:
        logs = best.get(model, {}).values()
        return -len(logs), math.fsum(logs) / max(len(logs), 1), model

    sound = {member.name for member in board.sound}
    return sorted((m for m in board.labels if m[0] in sound), key=merit)[:SHOWN]


def records_of(board: Board, models: Sequence[Model]) -> list[Record]:
    """Return the records of some models, by the names that they have in the board."""
    found = []
    for member in board.members:
        names = _names(board, member, models)
        for r in member.entry.results.records:
            if r.model.backbone in names:
                model = r.model.replace(backbone=names[r.model.backbone])
                found.append(r.model_copy(update={"model": model}))
    return found


def costs_of(board: Board, models: Sequence[Model]) -> list[Cost]:
    """Return what the models of their submissions cost; each model has one key."""
    members = {name for name, _ in models}
    costs = {
        cost.trained: cost
        for member in board.members
        if member.name in members
        for cost in member.entry.results.costs
    }
    return list(costs.values())


def dynamics_of(board: Board, models: Sequence[Model]) -> list[tuple[list[str], Dynamics]]:
    """Return simulations by their reference: which submissions share it, and all their runs.

    Dynamics are chaotic, so the reference of another machine is another one; models are drawn
    beside the reference that they were compared with.
    """
    found: dict[str, tuple[list[str], Dynamics]] = {}
    for member in board.members:
        dynamics = member.entry.results.dynamics
        names = _names(board, member, models)
        if dynamics is None or not any(run.model.backbone in names for run in dynamics.models):
            continue
        runs = [
            run.model_copy(update={"model": run.model.replace(backbone=names[run.model.backbone])})
            for run in dynamics.models
            if run.model.backbone in names
        ]
        submissions, pooled = found.setdefault(
            dynamics.reference.model_dump_json(), ([], dynamics.model_copy(update={"models": []}))
        )
        submissions.append(member.name)
        pooled.models.extend(runs)
    return list(found.values())


def _names(board: Board, member: Member, models: Sequence[Model]) -> dict[str, str]:
    """Return backbone → its name in the board, of the chosen models of a member."""
    return {b: board.labels[name, b] for name, b in models if name == member.name}
