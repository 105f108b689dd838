"""Whether the jobs of a submission are those of its suite.

The key of a job is the digest of all that determines its result: the suite is planned again with
the sources that the submission states, which gives the key of every job.
"""

from collections.abc import Iterator

from tlbench.board.reading import Entry
from tlbench.board.verification.coordinates import coordinates_of
from tlbench.board.verification.numbers import Model
from tlbench.results.frame_errors import ModelErrors
from tlbench.study.plan import Plan, dataset_job

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
    used = {name for job in planned.jobs.values() for name in job.sources}
    for name in sorted(entry.about.sources.keys() - used):
        yield f"It states the code of {name}, which none of its jobs is done with."


def _models(planned: Plan, models: list[Model]) -> Iterator[str]:
    simulated = {cell.job for cell in planned.simulated}
    cells = {coordinates_of(cell, cell.job in simulated): cell for cell in planned.cells}
    for model in models:
        cell = cells.get(model.where)
        # What is no model of the suite is said elsewhere.
        if cell is None:
            continue
        trained = {record.trained for record in model.records}
        if model.job != cell.job or trained != {cell.trained}:
            yield f"{model.where.label()}: the key of its job, {model.job[:12]}, {_INVENTED}."
