"""Job: how large a backbone is, and how long one of its force calls takes."""

from typing import ClassVar

import numpy as np

from tlbench.base.magnitudes import Count
from tlbench.base.schema import canonical_json
from tlbench.data.frames import Frames
from tlbench.jobs import kind
from tlbench.jobs.amount import Amount, Facts
from tlbench.jobs.context import Context, clock_for
from tlbench.jobs.kind import Backbone, Kind

WARM_UP, CALLS = 2, 9


class Config(kind.Config):
    """Which backbone is timed."""

    kind: ClassVar = "speed"

    backbone: Backbone


class Result(kind.Result):
    """Number of trainable parameters of a backbone."""

    n_parameters: Count


def standard_cell() -> Frames:
    """Return the 64 atoms that force calls are timed on: silicon at 5.43 Å, displaced by 0.1 Å."""
    from ase.build import bulk

    atoms = bulk("Si", "diamond", a=5.43, cubic=True).repeat(2)
    atoms.positions += np.random.default_rng(0).normal(scale=0.1, size=(64, 3))
    return Frames.unlabelled([atoms])


def run(config: Config, context: Context) -> Result:
    """Return the number of parameters; measure the median time of a force call, s."""
    import torch

    from tlbench.graphs import graph_of
    from tlbench.models.potential import build_potential

    potential = build_potential(config.backbone.name, config.backbone.config).to(context.device)
    graph = graph_of(standard_cell(), potential.cutoff, context.device, potential.dtype)
    clock, seconds = clock_for(context.device), []
    for _ in range(WARM_UP + CALLS):
        started = clock()
        potential(graph)
        if potential.device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(clock() - started)
    context.measured["force_call_seconds"] = float(np.median(seconds[WARM_UP:]))
    return Result.of(n_parameters=potential.backbone.n_parameters())


def amount(config: Config, facts: Facts) -> Amount:
    """Return the same for every job with a backbone."""
    return Amount(1.0, canonical_json(config.backbone.model_dump()))


KIND = Kind(Config, Result, run, amount, uses_device=True, measures_device=True)
