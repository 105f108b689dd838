"""Job: make or read a data set, and divide it into train, validation and test."""

from typing import Any, ClassVar

from tlbench.base.errors import InputError
from tlbench.base.magnitudes import Count
from tlbench.data.inspection.cells import first_unsound
from tlbench.data.origins import ORIGINS, SPLITS
from tlbench.jobs import kind
from tlbench.jobs.amount import Amount, Facts
from tlbench.jobs.context import Context, Progress, data_file
from tlbench.jobs.kind import Kind


class Config(kind.Config):
    """What determines a data set: the recipe of its card."""

    kind: ClassVar = "dataset"

    elements: list[str]
    origin: dict[str, Any]


class PartSizes(kind.Result):
    """A count for each part of a data set."""

    train: Count
    validation: Count
    test: Count


class Result(kind.Result):
    """Number of structures and of atoms in each part of a data set."""

    n_frames: PartSizes
    n_atoms: PartSizes


def run(config: Config, context: Context) -> Result:
    """Write ``train.npz``, ``validation.npz`` and ``test.npz``; return their sizes.

    Raises
    ------
    InputError
        If they cannot be made, or a structure has no geometry.
    """
    parts = ORIGINS.get(config.origin["kind"]).make(
        config.origin,
        config.elements,
        context.files,
        lambda done, total: context.report(Progress(done, total)),
    )
    for split, frames in parts.items():
        if (found := first_unsound(frames)) is not None:
            raise InputError(
                f"Structure {found[0]} of the {split} part cannot be used: {found[1]}; tlbench "
                "data validate names its file and its number there."
            )
        frames.save(context.folder / data_file(split))
    return Result.of(
        n_frames={split: len(frames) for split, frames in parts.items()},
        n_atoms={split: int(frames.n_atoms.sum()) for split, frames in parts.items()},
    )


def amount(config: Config, facts: Facts) -> Amount | None:
    """Return the number of atoms over all steps of sampling, or of structures that are read."""
    origin = ORIGINS.get(config.origin["kind"]).of_recipe(config.origin)
    if origin is None:
        parts = config.origin["split"]
        return Amount(sum(float(parts[s]["frames"]) for s in SPLITS), config.origin["reader"])
    made = origin.dynamics()
    if made is None:
        described = [origin.described(split) for split in SPLITS]
        frames = [len(part) for part in described if part is not None]
        return Amount(float(sum(frames)), "shipped frames") if frames else None
    return Amount(made.n_steps * made.n_structures * made.n_atoms, origin.kind)


KIND = Kind(Config, Result, run, amount, outputs=tuple(data_file(split) for split in SPLITS))
