"""Job: how large a backbone is, and how long one of its force calls takes."""

from typing import Any

import numpy as np
import torch
from ase.build import bulk

from tlbench.data.frames import Frames
from tlbench.graphs import graph_of
from tlbench.jobs.context import Context, clock_for
from tlbench.potential import build_potential

WARM_UP, CALLS = 2, 9


def standard_cell() -> Frames:
    """Return the 64 atoms that force calls are timed on: silicon at 5.43 Å, displaced by 0.1 Å."""
    atoms = bulk("Si", "diamond", a=5.43, cubic=True).repeat(2)
    atoms.positions += np.random.default_rng(0).normal(scale=0.1, size=(64, 3))
    return Frames.unlabelled([atoms])


def run(config: dict[str, Any], context: Context) -> dict[str, Any]:
    """Return the number of parameters; measure the median time of a force call.

    ``config`` has: backbone {name, config}.
    """
    backbone = config["backbone"]
    potential = build_potential(backbone["name"], backbone["config"]).to(context.device)
    graph = graph_of(standard_cell(), potential.cutoff, context.device, potential.dtype)
    clock, seconds = clock_for(context.device), []
    for _ in range(WARM_UP + CALLS):
        started = clock()
        potential(graph)
        if potential.device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(clock() - started)
    context.measured["force_call_seconds"] = float(np.median(seconds[WARM_UP:]))
    return {"n_parameters": potential.backbone.n_parameters()}
