"""Count the tensor operations of a training update of DimeNet++ on one thread, and the peer's.

``python benchmarks/count_operations.py``: operations that others call are counted too.
"""

import torch
from ase.build import bulk
from test_backbones import BATCH, pair, update_of

from tlbench.data.frames import Frames
from tlbench.graphs import graph_of

CUTOFF = 4.3


def operations(update):
    """Return the number of operations that a call makes, after a first one."""
    update()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        update()
    return sum(event.name.startswith("aten::") for event in profile.events())


def main():
    torch.set_num_threads(1)
    crystals = [bulk("Si", "diamond", a=5.43, cubic=True).repeat(2) for _ in range(BATCH)]
    for seed, atoms in enumerate(crystals):
        atoms.rattle(0.1, seed=seed)
    graph = graph_of(Frames.unlabelled(crystals), CUTOFF, dtype=torch.float32)
    ours, theirs = pair("dimenetpp", CUTOFF)
    print("ours", operations(update_of(ours, graph)))  # noqa: T201
    print("peer's", operations(update_of(theirs, graph, for_parameters=False)))  # noqa: T201


if __name__ == "__main__":
    main()
