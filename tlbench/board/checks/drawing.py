"""Drawing the models that are trained again."""

import hashlib
from collections.abc import Iterable, Mapping

from tlbench.base.errors import InputError
from tlbench.board.reading import Entry
from tlbench.board.verification.numbers import Model, models_of
from tlbench.study.plan import PRETRAIN
from tlbench.transfer import arm


def measured_models(entry: Entry) -> dict[str, Model]:
    """Return the models that errors on test structures are of, by the job that measured them."""
    found: dict[str, Model] = {}
    for model in models_of(entry):
        if not model.where.simulated:
            found.setdefault(model.job, model)
    return found


def draw(entry: Entry, number: int, seed: int) -> list[Model]:
    """Return ``number`` models of a submission, drawn at random.

    They are a function of the seed and of the digest of the submission alone: those with the
    smallest SHA-256 of ``<digest> <seed> <job>``. The submitter, who does not know the seed, cannot
    choose. Whoever checks could: the seed is in the check record, but one that draws a wanted model
    can be searched for, with one model drawn in about as many trials as there are models. That they
    did not is vouched for by whoever adds the record to the board.

    Raises
    ------
    InputError
        If the submission has fewer models.
    """
    models = measured_models(entry)
    if number > len(models):
        raise InputError(
            f"{entry.label} has {len(models)} models, of which {number} cannot be drawn; choose a "
            "smaller number."
        )
    return [models[job] for job in drawn_jobs(entry, models, number, seed)]


def source_jobs(models: Mapping[str, Model], jobs: Iterable[str]) -> set[str]:
    """Return the jobs of the source models, as far as published, that some models start from."""
    keys = {job: model.where.model for job, model in models.items()}
    sources = {key.origin: job for job, key in keys.items() if key.strategy == PRETRAIN}
    started = [keys[job] for job in jobs if keys[job].strategy != PRETRAIN]
    origins = {key.origin for key in started if arm(key.strategy).needs_source}
    return {job for origin, job in sources.items() if origin in origins}


def drawn_jobs(entry: Entry, jobs: Iterable[str], number: int, seed: int) -> list[str]:
    """Return those of ``jobs`` that `draw` draws; fewer than ``number`` if there are fewer."""

    def place(job: str) -> str:
        return hashlib.sha256(f"{entry.digest} {seed} {job}".encode()).hexdigest()

    return sorted(jobs, key=place)[:number]
