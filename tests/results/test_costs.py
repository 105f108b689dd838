"""Costs are those of one device, whatever others share the store."""

from types import SimpleNamespace
from typing import Any

import pytest

from tlbench.engine.store.provenance import Provenance
from tlbench.jobs.speed import Result
from tlbench.results.costs import collect_costs


def provenance(device_name: str, **more: Any) -> Provenance:
    about = {
        "started": "2026-11-28T00:00:00+00:00", "wall_seconds": 2.0, "cpu_seconds": 1.0,
        "device": "cpu", "device_name": device_name, "threads": 1, "python": "3.11.7",
        "packages": {}, "git_commit": None, "git_dirty": None,
    }  # fmt: skip
    return Provenance(**{**about, **more})


@pytest.mark.parametrize(
    ("trained_on", "call"), [("a GPU", 0.002), ("a processor", 0.05), ("another", None)]
)
def test_the_force_call_is_that_of_the_device_that_trained(trained_on: str, call: float | None):
    """The job that times it was done on the processor first, then on the GPU."""
    timed = provenance(
        "a GPU", force_call_seconds=0.002, force_calls_elsewhere={"a processor": 0.05}
    )
    kept = {"training": provenance(trained_on, updates=10.0), "speed": timed}
    store: Any = SimpleNamespace(
        provenance=kept.__getitem__, result=lambda key, of: Result(n_parameters=7)
    )
    cell = SimpleNamespace(trained="training", speed="speed", pretrained=None)
    plan: Any = SimpleNamespace(cells=[cell])
    (cost,) = collect_costs(plan, store, kept)
    assert (cost.device, cost.force_call_seconds) == (trained_on, call)
