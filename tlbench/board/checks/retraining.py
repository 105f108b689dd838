"""Training models of a submission again, drawn at random, on this machine."""

import platform
from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from tlbench.base.errors import InputError
from tlbench.board.checks.agreement import Findings, compare, not_compared, same_data
from tlbench.board.checks.record import TRAINED, CheckedModel, Machine, draw, source_jobs
from tlbench.board.reading import Entry
from tlbench.board.verification.models import Coordinates, measured_models
from tlbench.engine.run.runner import Report, Resources, run_jobs
from tlbench.engine.store.manifest import read_manifest
from tlbench.engine.store.store import Store
from tlbench.engine.work.devices import check_device, device_name, instructions
from tlbench.engine.work.interpreters import code_state, package_versions
from tlbench.jobs.base import Job
from tlbench.jobs.context import WEIGHTS
from tlbench.jobs.evaluate import ERRORS
from tlbench.jobs.evaluate import Result as EvaluateResult
from tlbench.study.models import plan
from tlbench.study.plan import Cell, Plan
from tlbench.study.shards import with_ancestors
from tlbench.study.study import resolve

MARK = "CHECKS"
"""File that marks a store whose jobs were done by such checks alone."""

_NOTE = "The jobs in this store were done by tlbench board verify --retrain, and by nothing else.\n"


def retrain(
    entry: Entry,
    number: int,
    seed: int,
    folder: Path,
    resources: Resources | None = None,
    mirror: Path | None = None,
    on_change: Callable[[Report], None] = lambda report: None,
    on_code: Callable[[str], None] = lambda sentence: None,
    recorded: bool = False,
) -> Findings:
    """Train ``number`` models of a submission again, drawn by `draw`, and compare their errors.

    The source models that they start from are trained again and compared, too. Jobs are those
    that this version of tlbench plans for the suite; their keys need not be those of the
    submission, so models are found by their coordinates.

    Parameters
    ----------
    folder
        A store for these jobs: new, or that of an earlier check, which then goes on. One that was
        filled otherwise could hold anything under a job's key.
    resources
        How jobs are done.
    mirror
        Folder in which files of the data sets are looked for before they are downloaded.
    on_change
        Called often with how the jobs stand.
    on_code
        Called before anything is trained if the code differs from that of the submission, or may
        differ, with a sentence that says so.
    recorded
        Whether a check record will be made of the findings. What other code finds is not
        evidence about a submission, so other code is refused then.

    Raises
    ------
    InputError
        If ``folder`` is another store, there are not so many models, the data sets are sampled and
        differ on this machine, or a job fails: nothing follows from these about the submission.
        If the outcome is to be recorded, and the code differs from that of the submission.
    """
    resources = resources or Resources()
    check_device(resources.device)
    wanted = {model.job: model for model in draw(entry, number, seed)}
    planned = plan(replace(resolve(entry.suite), seeded=entry.study.seeded))
    cells = _cells(planned)
    models = measured_models(entry)
    wanted |= {job: models[job] for job in source_jobs(models, wanted)}
    jobs = with_ancestors(planned.jobs, (cells[m.where.own()].job for m in wanted.values()))
    if code := _code_sentence(entry, jobs.values(), recorded):
        on_code(code)
    store = _opened(folder)
    _, differing = same_data(entry, store.root, mirror)
    if differing:
        if not all(card.origin.is_fixed for card in entry.study.cards):
            raise InputError(f"{entry.label} cannot be checked here: {differing[0]}")
        unlike = [not_compared(model, differing[0]) for model in wanted.values()]
        return Findings(TRAINED, unlike, seed=seed, drawn=number)
    report = run_jobs(jobs, store, resources, on_change, thorough=True)
    for key, error in report.errors.items():
        raise InputError(
            f"{entry.label} cannot be checked: {jobs[key].label} has failed here ({error})."
        )
    published = {errors.job: errors for errors in entry.errors()}
    found: list[CheckedModel] = []
    for model in wanted.values():
        cell = cells[model.where.own()]
        which = model.where.weights
        weights = read_manifest(store.folder(cell.trained)).files[WEIGHTS[which]]
        found.append(
            compare(
                model,
                published[model.job],
                store.result(cell.job, EvaluateResult).model_dump()["metrics"],
                store.folder(cell.job) / ERRORS,
                same_weights=weights == entry.about.digest_of_weights(model.trained or "", which),
            )
        )
    return Findings(TRAINED, found, seed=seed, drawn=number)


def this_machine(device: str) -> Machine:
    """Return what a check record says of this machine and code.

    Parameters
    ----------
    device
        "cpu" or "cuda".

    Raises
    ------
    InputError
        If it is unknown which code this is: a checkout with changes, or an installed package.
    """
    from tlbench.kernels.library import describe

    code = code_state()
    if code["git_commit"] is None or code["git_dirty"]:
        state = "is not a git checkout" if code["git_commit"] is None else "has uncommitted changes"
        raise InputError(
            f"The tlbench in use {state}, so the check could not be repeated; record it from a "
            "clean checkout of a commit."
        )
    return Machine(
        device=device_name(device),
        kernels=describe() if device == "cpu" else "torch",
        instructions=instructions(device),
        python=platform.python_version(),
        packages=package_versions(),
        tlbench=version("tlbench"),
        **code,
    )


def _code_sentence(entry: Entry, jobs: Iterable[Job], recorded: bool) -> str:
    """Return how the code that jobs are done with here differs from that of a submission.

    Empty if it is the same.

    Raises
    ------
    InputError
        If the check is to be recorded, and the code is known to differ.
    """
    stated = entry.about.sources
    if not stated:
        return f"{entry.label} does not state the code of its jobs, which may differ from this one."
    here = {name: found for job in jobs for name, found in job.sources.items()}
    differing = sorted(name for name, found in here.items() if stated.get(name) != found)
    if not differing:
        return ""
    said = f"The code here differs from that of {entry.label} in {', '.join(differing)}"
    if recorded:
        raise InputError(f"{said}; check out the commit of its jobs, or leave --record out.")
    return f"{said}."


def _cells(planned: Plan) -> dict[Coordinates, Cell]:
    """Return the models of a plan by what determines them, their simulations left out."""
    simulated = {cell.job for cell in planned.simulated}
    cells = (cell for cell in planned.cells if cell.job not in simulated)
    return {Coordinates(c.model, weights=c.weights, data=c.data).own(): c for c in cells}


def _opened(folder: Path) -> Store:
    """Return the store in ``folder`` if nothing but checks has filled it."""
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).is_file():
        raise InputError(
            f"{folder} was not made by tlbench board verify --retrain, and models that are there "
            "already prove nothing; name a new folder with --store."
        )
    store = Store(folder)
    (folder / MARK).write_text(_NOTE, encoding="utf-8")
    return store
