"""The best models of a board, with their results under one name each: what its figures show."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TypeVar

from tlbench.board.site.boards import Board
from tlbench.board.site.rows import BoardRow
from tlbench.metrics import METRICS
from tlbench.metrics.spec import Floats
from tlbench.report.analysis import Analysis
from tlbench.report.content import Block, Figure, Section, Table
from tlbench.report.dynamics.section import dynamics_section
from tlbench.report.outline import of_budget, sections_of
from tlbench.report.sections.answer import answer_section
from tlbench.results.costs import Cost
from tlbench.results.dynamics import Dynamics, ModelRun
from tlbench.results.properties import ModelProperty, PropertyCurves
from tlbench.results.records import Record
from tlbench.results.results import Results
from tlbench.results.shares import Shares, shares_of
from tlbench.study.model_key import ModelKey

BESIDE = (
    "sections.answer:answer",
    "sections.models:tuned_settings",
    "sections.models:source_models",
)
"""Sections that are about one submission each, so that its own page shows them, and the answer,
which needs simulations beside all their references."""

SHOWN = 8
"""Models in a figure."""

Named = TypeVar("Named", Record, ModelRun, ModelProperty)
Model = tuple[str, str]
"""Name of a member, and backbone."""

Curves = dict[tuple[str, str, ModelKey | None], PropertyCurves]
"""Property, target and model, None for the reference → curves."""


def best_models(board: Board, rows: Sequence[BoardRow]) -> list[Model]:
    """Return the models that figures show.

    That are those with results in most places (transfer, size, training temperature), of these
    the ones with the best geometric mean over places of their best arm, by the first metric of
    the suite on the whole test set. Those of submissions of which a check failed are not shown.
    """
    metric = board.suite.error_metrics[0]
    sign = 1 if METRICS.get(metric).better == "lower" else -1
    best: dict[Model, dict[object, float]] = defaultdict(dict)
    for row in rows:
        if row.metric == metric and not row.tested and row.is_complete:
            places = best[row.submission, row.place.backbone]
            place = row.transfer, row.place.position
            places[place] = min(places.get(place, math.inf), sign * math.log(row.mean.value))

    def merit(model: Model) -> tuple[float, float, Model]:
        logs = best.get(model, {}).values()
        return -len(logs), math.fsum(logs) / max(len(logs), 1), model

    sound = {member.name for member in board.sound}
    return sorted((m for m in board.labels if m[0] in sound), key=merit)[:SHOWN]


def board_sections(board: Board, models: Sequence[Model]) -> list[Section]:
    """Return the sections of a report on some models, whatever submissions they are of.

    Their tables of errors at the largest budget are left out: the table of the board has these
    numbers.
    """
    results, simulated = pooled(board, models)
    metrics = (board.suite.error_metrics[0],)
    analysis = Analysis(results, board.suite, metrics, _shares(board, models, metrics))
    sections = [
        section
        if section.name in ("costs", "gains", "forgetting", "budgets", "properties")
        else section.without(Table)
        for section in sections_of(analysis, without=BESIDE)
    ]
    answer = answer_section(analysis, [dynamics for _, dynamics in simulated])
    sections = [*([answer] if answer.blocks else []), *sections]
    simulations = [
        dynamics_section(dynamics, results.records, ", ".join(names))
        for names, dynamics in simulated
    ]
    if simulations:
        sections.append(of_budget(_merged(simulations), board.suite))
    return sections


def pooled(
    board: Board, models: Sequence[Model]
) -> tuple[Results, list[tuple[list[str], Dynamics]]]:
    """Return the results of some models, by the names that they have in the board.

    Also returns simulations by their reference: which submissions share it, and all their runs.
    Dynamics are chaotic, so the reference of another machine is another one; models are drawn
    beside the reference that they were compared with.
    """
    records: list[Record] = []
    costs: dict[str, Cost] = {}
    properties: list[ModelProperty] = []
    curves: Curves = {}
    simulated: dict[str, tuple[list[str], Dynamics]] = {}
    for member in board.members:
        names = {b: board.labels[name, b] for name, b in models if name == member.name}
        results = member.entry.results
        records += [_renamed(r, names) for r in results.records if r.model.backbone in names]
        # Each model has one key, whichever submission it is of.
        costs |= {cost.trained: cost for cost in results.costs} if names else {}
        properties += [_renamed(p, names) for p in results.properties if p.model.backbone in names]
        curves |= _curves(results.curves, names)
        mine = results.dynamics
        runs = [
            _renamed(r, names) for r in (mine.models if mine else []) if r.model.backbone in names
        ]
        if mine and runs:
            reference = mine.reference.model_dump_json()
            submissions, dynamics = simulated.setdefault(
                reference, ([], mine.model_copy(update={"models": []}))
            )
            submissions.append(member.name)
            dynamics.models.extend(runs)
    of_all = Results(
        records, list(costs.values()), properties=properties, curves=list(curves.values())
    )
    return of_all, list(simulated.values())


def _curves(found: Sequence[PropertyCurves], names: Mapping[str, str]) -> Curves:
    """Return the curves of models by their names in the board, and those of the references.

    The latter are the same in all submissions, but for rounding.
    """
    curves: Curves = {}
    for each in found:
        if each.model is None:
            if names:
                curves[each.property, each.target, None] = each
        elif each.model.backbone in names:
            model = each.model.replace(backbone=names[each.model.backbone])
            renamed = each.model_copy(update={"model": model})
            curves[each.property, each.target, model] = renamed
    return curves


def _shares(board: Board, models: Sequence[Model], metrics: Sequence[str]) -> Shares:
    """Return what test structures add to the errors of some models, one submission at a time."""
    found: dict[tuple[str, str], Floats] = {}
    for member in board.members:
        if member.name in {name for name, _ in models}:
            found |= shares_of(member.entry.errors(), member.entry.tests(), metrics)
    return found


def _renamed(model: Named, names: Mapping[str, str]) -> Named:
    """Return a record or run under the name of its backbone in the board."""
    key = model.model.replace(backbone=names[model.model.backbone])
    return model.model_copy(update={"model": key})


def _merged(sections: Sequence[Section]) -> Section:
    """Return one section of several, with one figure of each kind."""
    figures: dict[str, Figure] = {}
    blocks: list[Block] = []
    for section in sections:
        blocks += section.without(Figure).blocks
        for figure in section.figures:
            before = figures.get(figure.name)
            cases = {**(before.cases if before else {}), **figure.cases}
            figures[figure.name] = Figure(figure.name, figure.title, figure.note, cases)
    return Section(sections[0].name, sections[0].title, [*figures.values(), *blocks])
