"""Job: how far two sets of structures are apart."""

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from tlbench.base.magnitudes import Count
from tlbench.base.schema import Strict, canonical_json, read_json
from tlbench.data.splits import Subset, chosen_indices
from tlbench.jobs import kind
from tlbench.jobs.amount import Amount, Facts
from tlbench.jobs.context import RESULT, Context, Progress
from tlbench.jobs.environments import Result as EnvironmentsResult
from tlbench.jobs.environments import read_environments
from tlbench.jobs.kind import Kind
from tlbench.metrics.distances.quantities import FORMS, DistanceSettings, SetDistance

if TYPE_CHECKING:
    from tlbench.metrics.distances.structures import StructureSet


class Side(Strict):
    """One of the sets: a subset of a part of a data set; None for all of it."""

    split: str
    subset: Subset | None = None


class Config(kind.Config):
    """Both sets, and how their distances are computed."""

    kind: ClassVar = "distance"

    a: Side
    b: Side
    settings: DistanceSettings


class Result(kind.Result):
    """Sizes of two sets of structures, and how far they are apart.

    There are no distances where a set has fewer than two structures.
    """

    n_a: Count
    n_b: Count
    distances: list[SetDistance] = Field(max_length=100)


def run(config: Config, context: Context) -> Result:
    """Return the distances."""
    from tlbench.metrics.distances.compare import compare_sets

    a, b = _structures("a", config.a, context), _structures("b", config.b, context)
    sizes = {f"n_{role}": 0 if s is None else len(s.frames) for role, s in (("a", a), ("b", b))}
    if a is None or b is None or min(sizes.values()) < 2:
        return Result.of(**sizes, distances=[])

    def report(done: int, total: int) -> None:
        context.report(Progress(done, total))

    found = compare_sets(a, b, config.settings, report)
    return Result.of(**sizes, distances=[distance.model_dump(mode="json") for distance in found])


def _structures(role: str, side: Side, context: Context) -> "StructureSet | None":
    from tlbench.metrics.distances.structures import StructureSet

    frames = context.frames(f"{role}_data", side.split)
    indices = chosen_indices(frames, side.subset)
    if not len(indices):
        return None
    folder = context.parents[f"{role}_environments"]
    atoms = np.isin(np.repeat(np.arange(len(frames)), frames.n_atoms), indices)
    found = {form: read_environments(folder, side.split, form)[atoms] for form in FORMS}
    described = read_json(folder / RESULT, EnvironmentsResult, "the result of such a job")
    return StructureSet(
        name=role,
        frames=frames.select(np.sort(indices)),
        nearest=described.nearest,
        raw=found["raw"],
        scaled=found["scaled"],
    )


def amount(config: Config, facts: Facts) -> Amount | None:
    """Return the number of atoms of both sets."""
    atoms = 0.0
    for role, side in (("a", config.a), ("b", config.b)):
        sizes = facts.sizes.get(f"{role}_data")
        if sizes is None:
            return None
        atoms += sizes.n_frames(side.split, side.subset) * sizes.atoms[side.split]
    return Amount(atoms, canonical_json(config.settings.model_dump(mode="json")))


KIND = Kind(Config, Result, run, amount)
