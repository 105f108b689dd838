"""Published numbers with where they come from."""

import json
import math
from collections.abc import Iterable
from pathlib import Path

from pydantic import Field, ValidationError, field_validator

from tlbench.engine.store import Store
from tlbench.errors import InputError
from tlbench.files import write_whole
from tlbench.metrics import METRICS
from tlbench.plan import Cell, Plan
from tlbench.schema import Strict


class Cost(Strict):
    """What a model cost, on the device that trained it.

    ``force_call_seconds`` is the time of one force call on a cell of 64 atoms, see
    `tlbench.jobs.speed`. Seconds of training are those of the job's last attempt. On a processor,
    ``updates_per_second`` and ``force_call_seconds`` count CPU time, of one thread. What is not
    known, as the pace of a model that is not trained, is None.
    """

    device: str = Field(description="name of the processor or accelerator")
    threads: int
    n_parameters: int
    updates: int = Field(description="of training, pretraining aside")
    updates_per_second: float | None
    wall_seconds: float
    cpu_seconds: float
    pretraining_wall_seconds: float | None
    pretraining_cpu_seconds: float | None
    peak_memory_mib: int | None
    force_call_seconds: float | None


class Record(Strict):
    """One number: the value of a metric for one model under one condition.

    ``condition`` is empty for the value over the whole test set. ``subset_seed`` is None where
    no subset is drawn, ``train_temperature_k`` where training structures of all temperatures
    are. ``job`` is the key of the job that measured it.
    """

    suite: str
    suite_version: int
    suite_digest: str
    source: str
    target: str
    backbone: str
    strategy: str
    size: int = Field(ge=0)
    subset_seed: int | None
    init_seed: int
    train_temperature_k: float | None = None
    metric: str
    unit: str
    value: float
    condition: dict[str, float | str]
    job: str
    cost: Cost | None = Field(default=None, description="of the model; None in older records")

    @field_validator("value")
    @classmethod
    def _finite(cls, value: float) -> float:
        if not math.isfinite(value):
            raise ValueError("a value should be finite")
        return value


def collect(plan: Plan, store: Store, finished: Iterable[str]) -> list[Record]:
    """Return the records of every cell of ``plan`` whose job is in ``finished``, in plan order."""
    available = set(finished)
    records = []
    costs: dict[str, Cost | None] = {}
    for cell in plan.cells:
        if cell.job not in available:
            continue
        if cell.trained not in costs:
            costs[cell.trained] = _cost(cell, store, available)
        for entry in store.result(cell.job)["metrics"]:
            records.append(
                Record(
                    suite=plan.suite.name,
                    suite_version=plan.suite.version,
                    suite_digest=plan.suite_digest,
                    source=cell.source,
                    target=cell.target,
                    backbone=cell.backbone,
                    strategy=cell.strategy,
                    size=cell.size,
                    subset_seed=cell.subset_seed,
                    init_seed=cell.init_seed,
                    train_temperature_k=cell.train_temperature_k,
                    metric=entry["metric"],
                    unit=METRICS.get(entry["metric"]).unit,
                    value=entry["value"],
                    condition=entry["condition"],
                    job=cell.job,
                    cost=costs[cell.trained],
                )
            )
    return records


def _cost(cell: Cell, store: Store, available: set[str]) -> Cost | None:
    """Return what a model cost; None where jobs say too little or ran on different devices."""
    if not {cell.trained, cell.speed} <= available:
        return None
    trained, timed = store.provenance(cell.trained), store.provenance(cell.speed)
    pretrained = {} if cell.pretrained is None else store.provenance(cell.pretrained)
    same = timed["device_name"] == trained["device_name"]
    memory = trained.get("peak_device_memory_mib") or trained.get("peak_memory_mib")
    return Cost(
        device=trained["device_name"],
        threads=trained["threads"],
        n_parameters=store.result(cell.speed)["n_parameters"],
        updates=int(trained.get("updates", 0)),
        updates_per_second=trained.get("updates_per_second"),
        wall_seconds=trained["wall_seconds"],
        cpu_seconds=trained["cpu_seconds"],
        pretraining_wall_seconds=pretrained.get("wall_seconds"),
        pretraining_cpu_seconds=pretrained.get("cpu_seconds"),
        peak_memory_mib=memory,
        force_call_seconds=timed.get("force_call_seconds") if same else None,
    )


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Write one JSON object per line; the file appears whole or not at all."""
    lines = [json.dumps(r.model_dump(mode="json"), ensure_ascii=False) for r in records]
    write_whole(path, "".join(f"{line}\n" for line in lines))


def read_records(path: Path) -> list[Record]:
    """Read a file of records.

    Raises
    ------
    InputError
        Naming the first line that is not a record.
    """
    records = []
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                try:
                    records.append(Record.model_validate_json(line))
                except ValidationError as error:
                    problem = error.errors(include_url=False)[0]["msg"]
                    raise InputError(f"{path}:{number}: is not a record ({problem}).") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as records ({error}).") from error
    return records
