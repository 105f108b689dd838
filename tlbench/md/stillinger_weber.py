"""Structures sampled from Langevin dynamics of a Stillinger–Weber crystal, or its melt.

All that tlbench knows of such data: what a card says, how frames are sampled, and what reference
dynamics start from. The potential itself is in `tlbench.reference.stillinger_weber`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, PositiveFloat, PositiveInt, field_validator, model_validator

from tlbench.base.errors import InputError
from tlbench.base.schema import LARGEST, Strict
from tlbench.base.seeds import stream
from tlbench.data.frames import Frames
from tlbench.data.origins.base import (
    MOST_FRAMES,
    SPLITS,
    Described,
    Dynamics,
    OnStep,
    Origin,
    Reference,
    Temperature,
)

ATOMS_PER_CELL = 8
"""Atoms of the cubic cell of diamond."""

MOST_ATOMS = 1_000_000
"""Atoms of one sampled structure: more than potentials are trained on by four orders."""

MOST_POSITIONS = 1_000_000_000
"""Atoms of all sampled structures together, whose labels take some 50 GB."""

MOST_STEPS = 1_000_000_000
"""Timesteps of one trajectory, which take weeks for the smallest cell."""

_AMOUNTS = ("temperatures_k", *SPLITS)
"""Settings that change no trajectory: each is drawn with a seed of its own."""


class Trajectories(Strict):
    """How many trajectories one part of a data set has at each temperature."""

    trajectories: PositiveInt = Field(le=MOST_FRAMES)
    frames: PositiveInt = Field(le=MOST_FRAMES, description="frames kept of each trajectory")


class Melt(Strict):
    """How trajectories that should be liquid are melted before they are equilibrated."""

    from_k: PositiveFloat = Field(description="lowest temperature that starts from the liquid")
    at_k: PositiveFloat = Field(description="temperature that melts the crystal")
    for_fs: PositiveFloat


class StillingerWeberOrigin(Origin):
    """Frames sampled from Langevin dynamics of a Stillinger–Weber diamond crystal.

    The three parts come from different trajectories, so no test frame is a neighbour in time
    of a training frame.
    """

    kind: Literal["stillinger-weber"]
    lattice_constant: float = Field(ge=1, le=100, description="conventional cell, Å")
    repeats: tuple[PositiveInt, PositiveInt, PositiveInt] = Field(
        description="conventional 8-atom cells along each direction"
    )
    temperatures_k: list[Temperature] = Field(min_length=1, max_length=1000)
    timestep_fs: Annotated[float, Field(gt=0, le=4)]
    friction_per_ps: PositiveFloat
    melt: Melt | None = Field(description="None: every trajectory starts from the crystal")
    equilibration_fs: PositiveFloat
    interval_fs: PositiveFloat = Field(description="time between kept frames")
    seed: int = Field(ge=-LARGEST, le=LARGEST)
    train: Trajectories
    validation: Trajectories
    test: Trajectories

    @field_validator("temperatures_k")
    @classmethod
    def _distinct(cls, value: list[float]) -> list[float]:
        if sorted(set(value)) != value:
            raise ValueError("temperatures should be distinct and ascending")
        return value

    @model_validator(mode="after")
    def _can_be_sampled(self) -> "StillingerWeberOrigin":
        atoms = ATOMS_PER_CELL * math.prod(self.repeats)
        if atoms > MOST_ATOMS:
            raise ValueError(
                f"repeats: a cell of {atoms:,} atoms is larger than {MOST_ATOMS:,}; choose fewer "
                "repeats"
            )
        frames = sum(self.n_frames(split) for split in SPLITS)
        if frames * atoms > MOST_POSITIONS:
            raise ValueError(
                f"{frames:,} frames of {atoms:,} atoms are more than {MOST_POSITIONS:,} atoms; "
                "choose fewer frames, trajectories or repeats"
            )
        time_fs = self._time_fs()
        if time_fs / self.timestep_fs > MOST_STEPS:
            raise ValueError(
                f"a trajectory of {time_fs:g} fs has more than {MOST_STEPS:,} timesteps; choose a "
                "shorter equilibration or interval, fewer frames or a longer timestep"
            )
        return self

    def check_elements(self, elements: Sequence[str]) -> None:
        """Refuse elements that the potential has no parameters for."""
        if list(elements) not in (["Si"], ["Ge"]):
            raise ValueError(
                f"Stillinger–Weber data are of Si or of Ge, not of {', '.join(elements)}"
            )

    def n_frames(self, split: str) -> int:
        """Return the number of frames in one part."""
        return sum(self.n_frames_at(split, t) for t in self.temperatures_k)

    def n_frames_at(self, split: str, temperature_k: float) -> int:
        """Return the number of frames in one part at one temperature."""
        part = self._part(split)
        return part.trajectories * part.frames if temperature_k in self.temperatures_k else 0

    def temperatures(self) -> Sequence[float]:
        """Return the temperatures (K), which are those of every part."""
        return self.temperatures_k

    def described(self, split: str) -> list[Described]:
        """Return what the structures of one part are, by temperature."""
        n_atoms = ATOMS_PER_CELL * math.prod(self.repeats)
        return [
            Described(n_atoms, temperature, self._phase(temperature))
            for temperature in self.temperatures_k
            for _ in range(self.n_frames_at(split, temperature))
        ]

    def dynamics(self) -> Dynamics:
        """Return how much dynamics the data take: all trajectories are as long as the longest."""
        trajectories = sum(self._part(split).trajectories for split in SPLITS)
        return Dynamics(
            n_steps=self._time_fs() / self.timestep_fs,
            n_structures=trajectories * len(self.temperatures_k),
            n_atoms=ATOMS_PER_CELL * math.prod(self.repeats),
        )

    def shared_with(self, target: Origin) -> str | None:
        """Return the trajectories in common: those of one seed, settings and temperature."""
        first, second = self.recipe(), target.recipe()
        common = set(first["temperatures_k"]) & set(second["temperatures_k"])
        if not common or any(first[k] != second[k] for k in first if k not in _AMOUNTS):
            return None
        return f"both are the trajectories of seed {self.seed} at {min(common):g} K"

    def start(self, temperature_k: float) -> dict[str, Any]:
        """Return lattice constant (Å), repeats, and whether simulations should stay crystals."""
        return {
            "kind": self.kind,
            "lattice_constant": self.lattice_constant,
            "repeats": list(self.repeats),
            "crystal": self._phase(temperature_k) == "crystal",
        }

    @classmethod
    def reference(cls, start: Mapping[str, Any], element: str) -> Reference:
        """Return the potential, and the perfect crystal."""
        from tlbench.reference.stillinger_weber import StillingerWeber

        return Reference(
            start=_crystal(element, start["lattice_constant"], start["repeats"]),
            potential=StillingerWeber(element),
            crystal=start["crystal"],
        )

    @classmethod
    def reference_name(cls, element: str) -> str:
        """Return the name of the potential with its element."""
        return f"Stillinger–Weber {element}"

    @classmethod
    def make(
        cls,
        recipe: Mapping[str, Any],
        elements: Sequence[str],
        paths: Mapping[str, Path],
        on_step: OnStep = lambda done, total: None,
    ) -> dict[str, Frames]:
        """Sample every trajectory of every part in one batch, and return the parts.

        All trajectories run for as long as the longest of them needs; each has its own generator
        and starts from the perfect crystal, which is melted first where the card says so.
        """
        from tlbench.md.langevin import sample_nvt
        from tlbench.reference.stillinger_weber import StillingerWeber

        origin, element = cls.model_validate(recipe), elements[0]
        runs = [
            (split, temperature, number)
            for split in SPLITS
            for temperature in origin.temperatures_k
            for number in range(origin._part(split).trajectories)
        ]
        crystal = _crystal(element, origin.lattice_constant, origin.repeats)
        melt = origin.melt
        temperatures = [temperature for _, temperature, _ in runs]
        frames = sample_nvt(
            crystal.select([0] * len(runs)),
            StillingerWeber(element),
            temperatures,
            [stream("dynamics", origin.seed, *run) for run in runs],
            timestep_fs=origin.timestep_fs,
            friction_per_ps=origin.friction_per_ps,
            equilibration_steps=round(origin.equilibration_fs / origin.timestep_fs),
            interval_steps=max(1, round(origin.interval_fs / origin.timestep_fs)),
            n_frames=max(origin._part(split).frames for split in SPLITS),
            first_temperature_k=[
                melt.at_k if melt and t >= melt.from_k else t for t in temperatures
            ],
            first_steps=round(melt.for_fs / origin.timestep_fs) if melt else 0,
            on_step=on_step,
        )
        parts = {}
        for split in SPLITS:
            kept = [
                np.flatnonzero(frames.trajectory == number)[: origin._part(split).frames]
                for number, run in enumerate(runs)
                if run[0] == split
            ]
            part = frames.select(np.concatenate(kept))
            if not (np.isfinite(part.forces).all() and np.isfinite(part.energy).all()):
                raise InputError(
                    f"The dynamics of the {split} part did not stay finite; "
                    "choose a smaller timestep or lower temperatures."
                )
            phases = [origin._phase(temperature) for temperature in part.temperature_k]
            parts[split] = replace(part, phase=np.array(phases))
        return parts

    @classmethod
    def n_atoms_at_start(cls, start: Mapping[str, Any]) -> int:
        """Return the number of atoms of the crystal."""
        return ATOMS_PER_CELL * math.prod(int(n) for n in start["repeats"])

    def _part(self, split: str) -> Trajectories:
        part: Trajectories = getattr(self, split)
        return part

    def _phase(self, temperature_k: float) -> str:
        melted = self.melt is not None and temperature_k >= self.melt.from_k
        return "liquid" if melted else "crystal"

    def _time_fs(self) -> float:
        """Return how long the longest trajectory is."""
        kept = max(self._part(split).frames for split in SPLITS)
        melting = self.melt.for_fs if self.melt else 0
        return self.equilibration_fs + kept * self.interval_fs + melting


def _crystal(element: str, lattice_constant: float, repeats: Sequence[int]) -> Frames:
    """Return a perfect diamond crystal; the conventional cell (Å) is repeated along each axis."""
    from ase.build import bulk

    cell = bulk(element, "diamond", a=lattice_constant, cubic=True)
    return Frames.unlabelled([cell.repeat(repeats)])
