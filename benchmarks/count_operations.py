"""Count what an accelerator would be given to do, without having one.

``python benchmarks/count_operations.py [BACKBONE …]`` prints, for a training update and a force
call of each backbone in plain torch and of torch-geometric's layers, how many operations would be
launched on the device and how often the host would wait for it, as the tests' pretended
accelerator counts them (``tests/devices/pretended.py``).
"""

import os
import sys
from pathlib import Path

import torch

sys.path.append(str(Path(__file__).parents[1] / "tests" / "devices"))

from peers import PEERS
from pretended import DEVICE, pretending
from steps import crystals, update_of

from tlbench.data.frames import Frames
from tlbench.graphs import graph_of
from tlbench.kernels.library import SWITCH
from tlbench.models.potential import Potential, build_potential

CUTOFF = 4.3
BACKBONES = ["dimenetpp", "schnet", "visnet", "equivariant", "nequip"]


def contestants(name):
    """Return our potential, and the peer's if there is one, and what its update is like."""
    ours = build_potential(name, {"cutoff": CUTOFF})
    yield name, ours, True
    if name in PEERS:
        yield f"{name}, peer's", Potential(name, PEERS[name](ours.backbone.config)), False


def counted(mode, function):
    """Return launches and waits of a call, after a first one."""
    function()
    before = mode.launches.total(), len(mode.waits)
    function()
    return mode.launches.total() - before[0], len(mode.waits) - before[1]


def rows(names):
    """Yield the lines of the table."""
    frames = Frames.unlabelled(crystals(2))
    yield "network", "update: launches", "waits", "force call: launches", "waits"
    with pretending() as mode:
        graph = graph_of(frames, CUTOFF, device=DEVICE, dtype=torch.float32)
        for name in names:
            for title, potential, for_parameters in contestants(name):
                potential = potential.to(DEVICE)
                update = counted(mode, update_of(potential, graph, for_parameters))
                yield title, *update, *counted(mode, lambda network=potential: network(graph))


def main():
    torch.set_num_threads(1)
    os.environ[SWITCH] = "off"
    for row in rows(sys.argv[1:] or BACKBONES):
        print(("{:24}" + "{:>22}" * 4).format(*row), flush=True)  # noqa: T201
    # The thread that torch has made for the device would not end.
    os._exit(0)


if __name__ == "__main__":
    main()
