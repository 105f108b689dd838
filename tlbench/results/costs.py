"""What the models of a run cost: measured, so no part of its records."""

import re
from collections.abc import Iterable

from pydantic import Field

from tlbench.base.formats import Format
from tlbench.base.magnitudes import Count, Magnitude
from tlbench.engine.store.store import Store
from tlbench.jobs import speed
from tlbench.study.model_key import Flat
from tlbench.study.plan import Cell, Plan

FILE = "costs.jsonl"


class Cost(Flat):
    """What a model cost, on the device that trained it.

    ``trained`` is the key of the job that trained it, which records have, too. On a processor,
    ``updates_per_second`` and ``force_call_seconds`` count CPU time, of one thread; the latter is
    the time of one force call on a cell of 64 atoms, see `tlbench.jobs.speed`. Seconds of
    training that was interrupted are those of the last attempt times all updates over its own.
    What is not known, as the pace of a model that is not trained, is None.
    """

    trained: str
    device: str = Field(description="name of the processor or accelerator")
    threads: Count
    n_parameters: Count
    updates: Count = Field(description="of training, pretraining aside")
    updates_per_second: Magnitude | None
    wall_seconds: Magnitude
    cpu_seconds: Magnitude
    pretraining_wall_seconds: Magnitude | None
    pretraining_cpu_seconds: Magnitude | None
    peak_memory_mib: Count | None
    force_call_seconds: Magnitude | None

    @property
    def on_accelerator(self) -> bool:
        """Whether the device is no processor; the name of one ends with its number of cores."""
        return re.search(r", \d+ cores$", self.device) is None


COSTS_FORMAT = Format("cost", Cost)


def collect_costs(plan: Plan, store: Store, finished: Iterable[str]) -> list[Cost]:
    """Return the cost of every model of ``plan`` that is trained and whose backbone is timed.

    A model whose source model was trained on another device is left out.
    """
    available = set(finished)
    cells = {cell.trained: cell for cell in plan.cells}
    known = [cell for cell in cells.values() if {cell.trained, cell.speed} <= available]
    costs = [_cost(cell, store) for cell in known]
    return [cost for cost in costs if cost is not None]


def _cost(cell: Cell, store: Store) -> Cost | None:
    trained, timed = store.provenance(cell.trained).whole(), store.provenance(cell.speed)
    pretrained = None if cell.pretrained is None else store.provenance(cell.pretrained).whole()
    if pretrained is not None and pretrained.device_name != trained.device_name:
        return None
    return Cost(
        trained=cell.trained,
        device=trained.device_name,
        threads=trained.threads,
        n_parameters=store.result(cell.speed, speed.Result).n_parameters,
        updates=int(trained.updates or 0),
        updates_per_second=trained.updates_per_second,
        wall_seconds=trained.wall_seconds,
        cpu_seconds=trained.cpu_seconds,
        pretraining_wall_seconds=pretrained and pretrained.wall_seconds,
        pretraining_cpu_seconds=pretrained and pretrained.cpu_seconds,
        peak_memory_mib=trained.peak_device_memory_mib or trained.peak_memory_mib,
        force_call_seconds=timed.force_calls().get(trained.device_name),
    )
