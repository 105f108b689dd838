"""Job: how many pairs and angles of which size every test atom has, to sort errors by."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from tlbench.data.frames import Frames
from tlbench.graphs import graph_of
from tlbench.jobs.context import GEOMETRY, Context
from tlbench.md.structure import count, first_shell
from tlbench.metrics.structure import REACH


def run(config: dict[str, Any], context: Context) -> dict[str, Any]:
    """Write ``geometry.npz``, whose rows are the test atoms.

    ``pairs`` (n_atoms, bins) neighbours by distance and ``angles`` (n_atoms, bins) angles at the
    atom, in the bins of `tlbench.md.structure`; ``coordination`` (n_atoms,) neighbours in the first
    shell. ``config`` is empty. Returns the reach of that shell, Å.
    """
    frames = Frames.load(context.parents["data"] / "test.npz")
    graph = graph_of(frames, REACH)
    # Every atom counts as a structure of its own.
    of_atoms = replace(graph, system=torch.arange(graph.n_atoms))
    shell = first_shell(frames)
    counts = count(of_atoms, graph.n_atoms, shell)
    np.savez(
        context.folder / GEOMETRY,
        pairs=counts.pairs.astype(np.int32),
        angles=counts.bonds.astype(np.int32),
        coordination=counts.neighbours,
    )
    return {"shell": shell}
