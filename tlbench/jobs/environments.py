"""Job: describe the surroundings of every atom of a data set, for distances and coverage."""

from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from tlbench.base.formats import later
from tlbench.data.frames import Floats
from tlbench.jobs import kind
from tlbench.jobs.amount import Amount, Facts
from tlbench.jobs.context import Context, Progress, data_file
from tlbench.jobs.kind import Kind

PARTS = ("train", "test")


class Config(kind.Config):
    """What environments distinguish; by default nothing, all atoms are alike."""

    kind: ClassVar = "environments"

    species: list[str] | None = later(None, description="species that are distinguished")
    counts_as: dict[str, str] = later(
        {}, description="element: species that it counts as; others are their own"
    )


class Result(kind.Result):
    """Nearest-neighbour distance of the training structures, Å."""

    nearest: Annotated[float, Field(gt=1e-3, le=1e3)]


def run(config: Config, context: Context) -> Result:
    """Write ``train.npz`` and ``test.npz`` with raw and scaled descriptors of all atoms.

    All parts are scaled by the nearest-neighbour distance of the training structures.
    """
    from tlbench.metrics.distances.structures import nearest_distance
    from tlbench.metrics.environments import environments

    parts = {part: context.frames("data", part) for part in PARTS}
    described = config.species, config.counts_as
    nearest = nearest_distance(parts["train"], "The training set")
    for number, (part, frames) in enumerate(parts.items()):
        np.savez(
            context.folder / data_file(part),
            raw=environments(frames, None, *described).astype(np.float32),
            scaled=environments(frames, nearest, *described).astype(np.float32),
        )
        context.report(Progress(number + 1, len(parts)))
    return Result.of(nearest=nearest)


def read_environments(folder: Path, part: str, form: str) -> Floats:
    """Return the descriptors (n_atoms, features) of a part, in its raw or scaled form."""
    with np.load(folder / data_file(part), allow_pickle=False) as archive:
        found: Floats = archive[form].astype(np.float64)
    return found


def amount(config: Config, facts: Facts) -> Amount | None:
    """Return the number of atoms whose environments are described."""
    data = facts.sizes.get("data")
    return None if data is None else Amount(data.atoms_in(*PARTS))


KIND = Kind(Config, Result, run, amount, outputs=tuple(data_file(part) for part in PARTS))
