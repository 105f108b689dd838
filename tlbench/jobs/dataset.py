"""Job: make or read a data set, and divide it into train, validation and test."""

from dataclasses import replace
from math import prod
from typing import Any, ClassVar

import numpy as np

from tlbench.data.frames import Frames
from tlbench.data.origins import SPLITS, StillingerWeberOrigin, Trajectories
from tlbench.data.reading import read_parts
from tlbench.errors import InputError
from tlbench.jobs import kind
from tlbench.jobs.amount import ATOMS_PER_CELL, Amount, Facts
from tlbench.jobs.context import Context, Progress, data_file
from tlbench.jobs.kind import Kind
from tlbench.magnitudes import Count
from tlbench.seeds import stream


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
    """Write ``train.npz``, ``validation.npz`` and ``test.npz``; return their sizes."""
    if config.origin["kind"] == "files":
        parts = read_parts(config.elements, config.origin, context.files)
    else:
        sampled = StillingerWeberOrigin.model_validate(config.origin)
        parts = sample_stillinger_weber(config.elements[0], sampled, context)
    for split, frames in parts.items():
        frames.save(context.folder / data_file(split))
    return Result.of(
        n_frames={split: len(frames) for split, frames in parts.items()},
        n_atoms={split: int(frames.n_atoms.sum()) for split, frames in parts.items()},
    )


def sample_stillinger_weber(
    element: str, origin: StillingerWeberOrigin, context: Context
) -> dict[str, Frames]:
    """Sample every trajectory of every part in one batch, and return the parts.

    All trajectories run for as long as the longest of them needs; each has its own generator
    and starts from the perfect crystal, which is melted first where the card says so.
    """
    from ase.build import bulk

    from tlbench.md.sampling import sample_nvt
    from tlbench.reference.stillinger_weber import StillingerWeber

    runs = [
        (split, temperature, number)
        for split in SPLITS
        for temperature in origin.temperatures_k
        for number in range(_part(origin, split).trajectories)
    ]
    crystal = bulk(element, "diamond", a=origin.lattice_constant, cubic=True)
    crystal = crystal.repeat(origin.repeats)
    melt = origin.melt
    temperatures = [temperature for _, temperature, _ in runs]
    frames = sample_nvt(
        Frames.unlabelled([crystal] * len(runs)),
        StillingerWeber(element),
        temperatures,
        [stream("dynamics", origin.seed, *run) for run in runs],
        timestep_fs=origin.timestep_fs,
        friction_per_ps=origin.friction_per_ps,
        equilibration_steps=round(origin.equilibration_fs / origin.timestep_fs),
        interval_steps=max(1, round(origin.interval_fs / origin.timestep_fs)),
        n_frames=max(_part(origin, split).frames for split in SPLITS),
        first_temperature_k=[melt.at_k if melt and t >= melt.from_k else t for t in temperatures],
        first_steps=round(melt.for_fs / origin.timestep_fs) if melt else 0,
        on_step=lambda done, total: context.report(Progress(done, total)),
    )
    parts = {}
    for split in SPLITS:
        kept = [
            np.flatnonzero(frames.trajectory == number)[: _part(origin, split).frames]
            for number, run in enumerate(runs)
            if run[0] == split
        ]
        part = frames.select(np.concatenate(kept))
        if not (np.isfinite(part.forces).all() and np.isfinite(part.energy).all()):
            raise InputError(
                f"The dynamics of the {split} part did not stay finite; "
                "choose a smaller timestep or lower temperatures."
            )
        liquid = [origin.starts_liquid(t) for t in part.temperature_k]
        parts[split] = replace(part, phase=np.where(liquid, "liquid", "crystal"))
    return parts


def _part(origin: StillingerWeberOrigin, split: str) -> Trajectories:
    part: Trajectories = getattr(origin, split)
    return part


def amount(config: Config, facts: Facts) -> Amount:
    """Return the number of atoms over all steps of sampling, or of structures in files."""
    if config.origin["kind"] == "files":
        parts = config.origin["split"]
        reader = str(config.origin["reader"])
        return Amount(sum(float(parts[split]["frames"]) for split in SPLITS), reader)
    made = StillingerWeberOrigin.model_validate(config.origin)
    parts = [_part(made, split) for split in SPLITS]
    trajectories = sum(part.trajectories for part in parts) * len(made.temperatures_k)
    melting = made.melt.for_fs if made.melt else 0.0
    kept = max(part.frames for part in parts)
    steps = (melting + made.equilibration_fs + kept * made.interval_fs) / made.timestep_fs
    return Amount(steps * trajectories * ATOMS_PER_CELL * prod(made.repeats), made.kind)


KIND = Kind(Config, Result, run, amount, outputs=tuple(data_file(split) for split in SPLITS))
