"""Published numbers with where they come from."""

from collections.abc import Iterable
from os import PathLike
from pathlib import Path

from pydantic import Field

from tlbench.base.formats import Format
from tlbench.base.magnitudes import Number
from tlbench.engine.store.store import Store
from tlbench.jobs import compare, evaluate
from tlbench.jobs.context import RESULT
from tlbench.metrics import METRICS
from tlbench.metrics.conditions import DATA
from tlbench.study.model_key import Flat, ModelKey
from tlbench.study.plan import Plan


class Record(Flat):
    """One number: the value of a metric for one model under one condition.

    ``condition`` is empty for the value over the whole test set; a further test set is named by it.
    ``job`` is the key of the job that measured it, ``trained`` of that which trained the model
    (None in old files): its cost has the same.
    """

    suite: str
    suite_version: int
    suite_digest: str
    model: ModelKey
    metric: str
    unit: str
    value: Number
    condition: dict[str, Number | str] = Field(max_length=10)
    job: str
    trained: str | None = None


RECORDS_FORMAT = Format("record", Record)


def collect(plan: Plan, store: Store, finished: Iterable[str]) -> list[Record]:
    """Return the records of every cell of ``plan`` whose job is in ``finished``, in plan order."""
    available = set(finished)
    simulated = {cell.job for cell in plan.simulated}
    records = []
    for cell in plan.cells:
        if cell.job not in available:
            continue
        kind: type[compare.Result | evaluate.Result] = (
            compare.Result if cell.job in simulated else evaluate.Result
        )
        further = {} if cell.data is None else {DATA: cell.data}
        for entry in store.result(cell.job, kind).metrics:
            if entry.metric not in METRICS:
                problem = f"there is no metric {entry.metric!r} here"
                raise store.senseless(cell.job, RESULT, problem)
            records.append(
                Record(
                    suite=plan.suite.name,
                    suite_version=plan.suite.version,
                    suite_digest=plan.study.digest,
                    model=cell.model,
                    metric=entry.metric,
                    unit=METRICS.get(entry.metric).unit,
                    value=entry.value,
                    condition=entry.condition | further,
                    job=cell.job,
                    trained=cell.trained,
                )
            )
    return records


def read_records(path: str | PathLike[str]) -> list[Record]:
    """Read a file of records, such as ``records.jsonl`` in the folder of a run.

    Raises
    ------
    InputError
        Naming the first line that is not a record.
    """
    return RECORDS_FORMAT.read_lines(Path(path))
