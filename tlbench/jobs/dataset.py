"""Job: make or read a data set, and divide it into train, validation and test."""

from typing import Any

from tlbench.data.origins import ORIGINS
from tlbench.jobs.context import Context, Progress


def run(config: dict[str, Any], context: Context) -> dict[str, Any]:
    """Write ``train.npz``, ``validation.npz`` and ``test.npz``; return their sizes."""
    parts = ORIGINS.get(config["origin"]["kind"]).make(
        config["origin"],
        config["elements"],
        context.files,
        lambda done, total: context.report(Progress(done, total)),
    )
    for split, frames in parts.items():
        frames.save(context.folder / f"{split}.npz")
    return {
        "n_frames": {split: len(frames) for split, frames in parts.items()},
        "n_atoms": {split: int(frames.n_atoms.sum()) for split, frames in parts.items()},
    }
