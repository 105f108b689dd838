"""The potential that advice ends with: a copy of the best trained one."""

import shutil
from pathlib import Path

from tlbench.advice.answer import Answer
from tlbench.base.files import replacing
from tlbench.engine.store.store import State, Store
from tlbench.jobs import train
from tlbench.jobs.context import WEIGHTS
from tlbench.report.budgets.outcomes import BEST
from tlbench.report.rows import Row
from tlbench.study.plan import Plan
from tlbench.transfer import arm

FILE = "potential.safetensors"


def best_model(plan: Plan, store: Store, row: Row) -> str | None:
    """Return the job of the model of an arm with the lowest validation error of its weights.

    Test structures do not decide it, so that the errors on these remain what a new structure has
    to expect. None if no model is in the store.
    """
    source = row.transfer.source if arm(row.place.strategy).needs_source else None
    found: dict[str, float] = {}
    for cell in plan.cells:
        model = cell.model
        if model.place != row.place or source not in (None, model.source):
            continue
        if store.state(cell.trained) is State.FINISHED:
            result = store.result(cell.trained, train.Result)
            is_best = row.tested == BEST
            error = result.best_validation_force_mae if is_best else result.validation_force_mae
            found[cell.trained] = float("inf") if error is None else error
    return min(found, key=lambda key: found[key], default=None)


def write_best(plan: Plan, store: Store, answer: Answer, out: Path) -> list[str]:
    """Copy the best potential to ``out``; return which one it is and how ase loads it.

    It is one of the start that leads (`tlbench.advice.answer.Answer.leading`).

    Raises
    ------
    OSError
        If it cannot be written.
    """
    name, row = answer.leading
    job = best_model(plan, store, row)
    if job is None:
        return []
    path = out / FILE
    weights = WEIGHTS["best" if row.tested == BEST else "last"]
    with replacing(path) as part:
        shutil.copyfile(store.folder(job) / weights, part)
    which = "of the lowest mean error, which is not claimed to be better"
    if answer.fastest is not None:
        which = "recommended" if answer.recommended else "which is not recommended"
    return [
        f"The best model by validation error of the start {name} ({which}) is {path}; in ase: "
        f"atoms.calc = tlbench.load_potential({str(path)!r}).calculator()"
    ]
