"""Job: how near the environments of test atoms are to any that a model has been trained on."""

from typing import ClassVar

import numpy as np

from tlbench.base.magnitudes import Magnitude
from tlbench.data.frames import Floats
from tlbench.data.splits import Drawn, Share, chosen_indices
from tlbench.jobs import kind
from tlbench.jobs.amount import Amount, Facts
from tlbench.jobs.context import Context, Progress
from tlbench.jobs.environments import read_environments
from tlbench.jobs.kind import Kind, Layout

COVERAGE = "coverage.npz"
COVERAGE_LAYOUT: Layout = {"target": ("f", 1), "source": ("f", 1)}

BLOCK = 1000
"""Test atoms whose distances to all others are held in memory at a time."""


class Config(kind.Config):
    """What is trained on of the target, and of the source; None for all."""

    kind: ClassVar = "coverage"

    target: Drawn
    source: Share | None = None


class Result(kind.Result):
    """Mean distance of test atoms to the nearest environment of either training set."""

    mean_target: Magnitude
    mean_source: Magnitude


def run(config: Config, context: Context) -> Result:
    """Write ``coverage.npz``: the distances of every target test atom to its nearest environment.

    ``target`` (n_atoms,) is that to the target's training subset, ``source`` (n_atoms,) that to the
    source's training structures; see `tlbench.metrics.environments` for what a distance is.
    """
    # As they are: a network sees Å.
    test = read_environments(context.parents["target_environments"], "test", "raw")
    found = {}
    for number, (role, subset) in enumerate(config):
        frames = context.frames(f"{role}_data", "train")
        trained = read_environments(context.parents[f"{role}_environments"], "train", "raw")
        structures = np.repeat(np.arange(len(frames)), frames.n_atoms)
        atoms = np.isin(structures, chosen_indices(frames, subset))
        found[role] = nearest(test, trained[atoms])
        context.report(Progress(number + 1, 2))
    np.savez(context.folder / COVERAGE, target=found["target"], source=found["source"])
    return Result.of(**{f"mean_{role}": float(each.mean()) for role, each in found.items()})


def nearest(test: Floats, trained: Floats) -> Floats:
    """Return the distance of every row of ``test`` to the nearest of ``trained``, (n_test,)."""
    import torch

    theirs = torch.from_numpy(trained)
    rows = torch.split(torch.from_numpy(test), BLOCK)
    return torch.cat([torch.cdist(some, theirs).min(dim=1).values for some in rows]).numpy()


def amount(config: Config, facts: Facts) -> Amount | None:
    """Return the number of distances between test atoms and atoms that are trained on."""
    against = 0.0
    for role, subset in config:
        sizes = facts.sizes.get(f"{role}_data")
        if sizes is None:
            return None
        against += sizes.n_frames("train", subset) * sizes.atoms["train"]
    return Amount(facts.sizes["target_data"].atoms_in("test") * against)


KIND = Kind(Config, Result, run, amount, outputs=(COVERAGE,))
