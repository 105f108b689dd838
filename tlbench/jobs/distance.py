"""Job: how far two sets of structures are apart."""

from typing import Any

import numpy as np

from tlbench.data.frames import Frames
from tlbench.data.splits import chosen_indices
from tlbench.jobs.context import Context, Progress
from tlbench.jobs.environments import read_environments
from tlbench.jobs.results import EnvironmentsResult, read_result
from tlbench.metrics.distances.compare import compare_sets
from tlbench.metrics.distances.settings import DistanceSettings
from tlbench.metrics.distances.structures import StructureSet


def run(config: dict[str, Any], context: Context) -> dict[str, Any]:
    """Return the distances, or none where a set has fewer than two structures.

    ``config`` has: settings, and for ``a`` and ``b`` each {split, subset}, see
    `tlbench.data.splits.chosen`.
    """
    settings = DistanceSettings.model_validate(config["settings"])
    sets = {role: _structures(role, config[role], context) for role in ("a", "b")}
    sizes = {f"n_{role}": 0 if s is None else len(s.frames) for role, s in sets.items()}
    a, b = sets["a"], sets["b"]
    if a is None or b is None or min(sizes.values()) < 2:
        return {**sizes, "distances": []}

    def report(done: int, total: int) -> None:
        context.report(Progress(done, total))

    found = compare_sets(a, b, settings, report)
    return {**sizes, "distances": [distance.model_dump(mode="json") for distance in found]}


def _structures(role: str, chosen: dict[str, Any], context: Context) -> StructureSet | None:
    frames = Frames.load(context.parents[f"{role}_data"] / f"{chosen['split']}.npz")
    indices = chosen_indices(frames, chosen["subset"])
    if not len(indices):
        return None
    folder = context.parents[f"{role}_environments"]
    atoms = np.isin(np.repeat(np.arange(len(frames)), frames.n_atoms), indices)
    found = {form: read_environments(folder, chosen["split"], form) for form in ("raw", "scaled")}
    return StructureSet(
        name=role,
        frames=frames.select(np.sort(indices)),
        nearest=read_result(folder, EnvironmentsResult).nearest,
        raw=found["raw"][atoms],
        scaled=found["scaled"][atoms],
    )
