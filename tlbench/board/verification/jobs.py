"""Whether the jobs of a submission are those of its suite.

The key of a job is the digest of all that determines its result: the suite is planned again with
the sources that the submission states, which gives the key of every job.
"""

from collections import defaultdict
from collections.abc import Iterator

from tlbench.board.reading import Entry
from tlbench.board.verification.models import Coordinates, Model
from tlbench.results.frame_errors import ModelErrors
from tlbench.study.plan import Cell, ComputedProperty, Plan, dataset_job

MOST_KINDS = 50
"""Kinds of jobs, by far more than there are or were."""

_INVENTED = "is not that of its suite, settings, seeds and sources"


def check_keys(
    entry: Entry, planned: Plan, models: list[Model], measured: list[ModelErrors]
) -> Iterator[str]:
    """Yield the jobs whose keys are not those that the suite gives them.

    Parameters
    ----------
    planned
        The plan of the suite with the sources that the submission states.
    """
    yield from _models(planned, models)
    recipes = {each.recipe: each for each in entry.about.data}
    for card in entry.study.cards:
        data = recipes.get(card.digest())
        if data is not None and data.job != dataset_job(card, planned.keys).key:
            yield f"Data set {data.card}: the key of its job, {data.job[:12]}, {_INVENTED}."
    for errors in measured:
        if errors.job not in planned.jobs:
            yield f"The errors of job {errors.job[:12]}: its key {_INVENTED}."
    for done in entry.provenance:
        if done.job not in planned.jobs or planned.jobs[done.job].kind != done.kind:
            yield f"The key of the job {done.job[:12]} ({done.kind}) {_INVENTED}."
    results = entry.results
    beside = {each.job for each in results.distances} | {each.job for each in results.profiles}
    for key in sorted(beside):
        if key not in planned.jobs:
            yield f"The key of the job {key[:12]} of a distance or profile {_INVENTED}."
    wanted = {(each.model, each.property, each.job, each.trained) for each in planned.computed}
    for line in results.properties:
        if (line.model, line.property, line.job, line.trained) not in wanted:
            yield f"The key of the job {line.job[:12]} of the property {line.property} {_INVENTED}."
    used = {name for job in planned.jobs.values() for name in job.sources}
    for name in sorted(entry.about.sources.keys() - used):
        yield f"It states the code of {name}, which none of its jobs is done with."


def _models(planned: Plan, models: list[Model]) -> Iterator[str]:
    simulated = {cell.job for cell in planned.simulated}
    cells: dict[Coordinates, Cell | ComputedProperty] = {
        Coordinates(c.model, c.job in simulated, c.weights, c.data): c for c in planned.cells
    }
    cells |= {Coordinates(c.model, property=c.property): c for c in planned.computed}
    for model in models:
        cell = cells.get(model.where)
        # Models that are not in the suite are reported elsewhere.
        if cell is None:
            continue
        trained = {record.trained for record in model.records}
        if model.job != cell.job or trained != {cell.trained}:
            yield f"{model.where.label()}: the key of its job, {model.job[:12]}, {_INVENTED}."


def check_jobs(entry: Entry, models: list[Model]) -> Iterator[str]:
    """Yield what is wrong with the jobs that numbers come from."""
    by_job: dict[str, set[Coordinates]] = defaultdict(set)
    for model in models:
        by_job[model.job].add(model.where.own())
    for job, some in by_job.items():
        if len(some) > 1:
            names = "; ".join(sorted(where.label() for where in some)[:2])
            yield f"Job {job[:12]} stands for different models: {names}."
    known = {p.job for p in entry.provenance}
    if len(known) != len(entry.provenance):
        yield "Where a job was done is stated twice."
    if len({p.kind for p in entry.provenance}) > MOST_KINDS:
        yield f"The jobs are of more than {MOST_KINDS} kinds."
    for job in sorted(by_job.keys() - known):
        yield f"Nothing says where job {job[:12]} was done."
    dirty = sum(p.git_dirty is True for p in entry.provenance)
    if dirty:
        yield f"{dirty} jobs were done by changed code and cannot be repeated; commit it first."
    weights = {r.trained for r in entry.results.records if r.trained}
    best = {r.trained for r in entry.results.records if r.condition.get("weights") == "best"}
    if weights != entry.about.weights.keys() or best != entry.about.best_weights.keys():
        yield "The digests of weights are not those of the models that records name."
    for cost in entry.results.costs:
        if cost.trained not in weights:
            yield f"The cost of model {cost.trained[:12]} is of no model that is there."
