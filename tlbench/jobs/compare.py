"""Job: compare the simulations of one model with the reference dynamics."""

import math
from typing import Any

import numpy as np

from tlbench.data.frames import Frames
from tlbench.jobs.context import OUTCOME, START, Context
from tlbench.jobs.results import ReferenceResult, SimulateResult, read_result
from tlbench.md.structure import StructureCounts, averages, mean_msd
from tlbench.metrics import METRICS
from tlbench.metrics.dynamics import Comparison


def run(config: dict[str, Any], context: Context) -> dict[str, Any]:
    """Return metrics of dynamics, and what ``ModelRun`` has of the simulations.

    ``config`` has: temperature_k, and metrics by name. Structure is that of the replicas that were
    stable and were sampled; a metric that is then not defined is left out.
    """
    folders = context.parents
    reference = read_result(folders["reference"], ReferenceResult).run
    survival = read_result(folders["simulation"], SimulateResult)
    with np.load(folders["simulation"] / OUTCOME, allow_pickle=False) as file:
        counts = StructureCounts(
            *(file[f"counts.{name}"] for name in ("pairs", "bonds", "neighbours", "samples"))
        )
        msd = file["msd"]
    stable = np.array([name == "" for name in survival.criterion])
    measured = np.flatnonzero(stable & (counts.samples > 0))
    start = Frames.load(folders["reference"] / START)
    found = averages(counts.of(measured), start.select(measured)) if len(measured) else None
    comparison = Comparison(
        survival_ps=np.array(survival.survival_ps),
        stable=stable,
        distances=np.array(reference.distances),
        angles=np.radians(reference.angles),
        rdf=None if found is None else found.rdf,
        adf=None if found is None else found.adf,
        reference_rdf=np.array(reference.structure.rdf),
        reference_adf=np.array(reference.structure.adf),
    )
    condition = {"md_temperature_k": config["temperature_k"]}
    values = {name: METRICS.get(name).function(comparison) for name in config["metrics"]}
    return {
        "metrics": [
            {"metric": name, "condition": condition, "value": value}
            for name, value in values.items()
            if math.isfinite(value)
        ],
        "run": {
            "survival_ps": survival.survival_ps,
            "criterion": survival.criterion,
            "structure": None if found is None else found.rounded(),
            "msd": mean_msd(msd[measured]) if len(measured) else None,
        },
    }
