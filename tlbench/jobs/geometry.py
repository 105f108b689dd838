"""Job: how many pairs and angles of which size every test atom has, to sort errors by."""

from dataclasses import replace
from typing import ClassVar

import numpy as np

from tlbench.base.magnitudes import Magnitude
from tlbench.jobs import kind
from tlbench.jobs.amount import Amount, Facts
from tlbench.jobs.context import Context
from tlbench.jobs.kind import Kind, Layout
from tlbench.metrics.structure import REACH

GEOMETRY = "geometry.npz"
GEOMETRY_LAYOUT: Layout = {"pairs": ("i", 2), "angles": ("i", 2), "coordination": ("i", 1)}


class Config(kind.Config):
    """No settings: all test atoms are described alike."""

    kind: ClassVar = "geometry"


class Result(kind.Result):
    """Reach of the first shell of neighbours, Å; of several elements that of the largest atoms."""

    shell: Magnitude


def run(config: Config, context: Context) -> Result:
    """Write ``geometry.npz``, whose rows are the test atoms.

    ``pairs`` (n_atoms, bins) neighbours by distance and ``angles`` (n_atoms, bins) angles at the
    atom, in the bins of `tlbench.md.structure`; ``coordination`` (n_atoms,) neighbours in the first
    shell.
    """
    import torch

    from tlbench.graphs import graph_of
    from tlbench.md.structure import count, first_shell

    frames = context.frames("data", "test")
    graph = graph_of(frames, REACH)
    # Every atom counts as a structure of its own.
    of_atoms = replace(graph, system=torch.arange(graph.n_atoms))
    counts = count(of_atoms, graph.n_atoms, None)
    np.savez(
        context.folder / GEOMETRY,
        pairs=counts.pairs.astype(np.int32),
        angles=counts.bonds.astype(np.int32),
        coordination=counts.neighbours,
    )
    return Result.of(shell=first_shell(frames))


def amount(config: Config, facts: Facts) -> Amount | None:
    """Return the number of test atoms."""
    data = facts.sizes.get("data")
    return None if data is None else Amount(data.atoms_in("test"))


KIND = Kind(Config, Result, run, amount, outputs=(GEOMETRY,))
