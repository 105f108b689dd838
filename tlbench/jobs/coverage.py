"""Job: how near the environments of test atoms are to any that a model has been trained on."""

from typing import Any

import numpy as np
import torch

from tlbench.data.frames import Floats, Frames
from tlbench.data.splits import chosen_indices
from tlbench.jobs.context import COVERAGE, Context, Progress
from tlbench.jobs.environments import read_environments

BLOCK = 1000
"""Test atoms whose distances to all others are held in memory at a time."""


def run(config: dict[str, Any], context: Context) -> dict[str, Any]:
    """Write ``coverage.npz``: the distances of every target test atom to its nearest environment.

    ``target`` (n_atoms,) is that to the target's training subset, ``source`` (n_atoms,) that to the
    source's training structures; see `tlbench.metrics.environments` for what a distance is.
    ``config`` has for ``target`` and ``source`` the subset that is trained on.
    """
    # As they are: a network sees Å.
    test = read_environments(context.parents["target_environments"], "test", "raw")
    found = {}
    for number, role in enumerate(("target", "source")):
        frames = Frames.load(context.parents[f"{role}_data"] / "train.npz")
        known = read_environments(context.parents[f"{role}_environments"], "train", "raw")
        atoms = np.isin(
            np.repeat(np.arange(len(frames)), frames.n_atoms),
            chosen_indices(frames, config[role]),
        )
        found[role] = nearest(test, known[atoms])
        context.report(Progress(number + 1, 2))
    np.savez(context.folder / COVERAGE, target=found["target"], source=found["source"])
    return {f"mean_{role}": float(distance.mean()) for role, distance in found.items()}


def nearest(test: Floats, known: Floats) -> Floats:
    """Return the distance of every row of ``test`` to the nearest row of ``known``, (n_test,)."""
    theirs = torch.from_numpy(known)
    rows = torch.split(torch.from_numpy(test), BLOCK)
    return torch.cat([torch.cdist(some, theirs).min(dim=1).values for some in rows]).numpy()
