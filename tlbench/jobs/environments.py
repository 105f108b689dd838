"""Job: describe the surroundings of every atom of a data set, for distances and coverage."""

from pathlib import Path
from typing import Any

import numpy as np

from tlbench.data.frames import Floats, Frames
from tlbench.jobs.context import Context, Progress
from tlbench.metrics.distances.structures import nearest_distance
from tlbench.metrics.environments import environments

PARTS = ("train", "test")


def run(config: dict[str, Any], context: Context) -> dict[str, Any]:
    """Write ``train.npz`` and ``test.npz`` with raw and scaled descriptors of all atoms.

    ``config`` is empty. Returns the nearest-neighbour distance, that of the training structures,
    which all parts are scaled by.
    """
    parts = {part: Frames.load(context.parents["data"] / f"{part}.npz") for part in PARTS}
    nearest = nearest_distance(parts["train"], "The training set")
    for number, (part, frames) in enumerate(parts.items()):
        np.savez(
            context.folder / f"{part}.npz",
            raw=environments(frames).astype(np.float32),
            scaled=environments(frames, nearest).astype(np.float32),
        )
        context.report(Progress(number + 1, len(parts)))
    return {"nearest": nearest}


def read_environments(folder: Path, part: str, form: str) -> Floats:
    """Return the descriptors (n_atoms, features) of a part, in its raw or scaled form."""
    with (folder / f"{part}.npz").open("rb") as file, np.load(file, allow_pickle=False) as archive:
        found: Floats = archive[form].astype(np.float64)
    return found
