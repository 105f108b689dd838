"""Structures sampled from Langevin dynamics of a Stillinger–Weber crystal, or its melt.

All that tlbench knows of such data: what a card says, how frames are sampled, and what reference
dynamics start from. The potential itself is in `tlbench.reference.stillinger_weber`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, PositiveFloat, PositiveInt, field_validator, model_validator

from tlbench.base.errors import InputError
from tlbench.base.formats import lasting, later
from tlbench.base.schema import LARGEST, Strict, digest
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
    check_digest,
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


class ShippedFrames(Strict):
    """A file, beside the cards that tlbench ships, of the structures that a recipe made once."""

    file: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*\.npz$", max_length=100)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class StillingerWeberOrigin(Origin):
    """Frames sampled from Langevin dynamics of a Stillinger–Weber diamond crystal.

    The three parts come from different trajectories, so no test frame is a neighbour in time
    of a training frame. Where ``frames`` are shipped, they are read, and the other settings are the
    recipe that made them; only their labels are computed.
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
    frames: ShippedFrames | None = later(None, description="by default sampled on every machine")

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

    def dynamics(self) -> Dynamics | None:
        """Return how much dynamics the data take: all trajectories are as long as the longest."""
        if self.frames is not None:
            return None
        trajectories = sum(self._part(split).trajectories for split in SPLITS)
        return Dynamics(
            n_steps=self._time_fs() / self.timestep_fs,
            n_structures=trajectories * len(self.temperatures_k),
            n_atoms=ATOMS_PER_CELL * math.prod(self.repeats),
        )

    def recipe(self) -> dict[str, Any]:
        """Return what determines the frames, in JSON."""
        return lasting(self)

    @property
    def is_fixed(self) -> bool:
        """Whether frames are shipped."""
        return self.frames is not None

    def content(self, elements: Sequence[str], parts: Mapping[str, Frames]) -> str:
        """Return the digest of structures, and of labels or of the potential that gives them.

        Labels computed on another kind of processor differ in their last digits, so those of
        shipped frames do not count.
        """
        from tlbench.reference.stillinger_weber import parameters_of

        if self.frames is None:
            return super().content(elements, parts)
        structures = {split: part.digest(labels=False) for split, part in parts.items()}
        potential = {element: asdict(parameters_of(element)) for element in elements}
        return digest({"structures": structures, "potential": potential})

    def check_change(self, changed: Origin) -> None:
        """Refuse other dynamics, or more frames, than those of the shipped frames."""
        assert isinstance(changed, StillingerWeberOrigin)
        if self.frames is None or changed.frames is None:
            return
        own, new = self.model_dump(), changed.model_dump()
        different = [key for key in own if key not in _AMOUNTS and own[key] != new[key]]
        more = sorted(set(new["temperatures_k"]) - set(own["temperatures_k"]))
        few = [s for s in SPLITS if any(new[s][key] > n for key, n in own[s].items())]
        for key in [*different, *(["temperatures_k"] if more else []), *few]:
            raise ValueError(
                f"{key} asks for other frames than the {self.frames.file} that the card names, "
                "which holds those of the card's own settings; ask for fewer of them, or have "
                "frames sampled on your machine with frames: null"
            )

    def shared_with(self, target: Origin) -> str | None:
        """Return the trajectories in common: those of one seed, settings and temperature."""
        first, second = self.recipe(), target.recipe()
        common = set(first["temperatures_k"]) & set(second["temperatures_k"])
        beside = (*_AMOUNTS, "frames")
        if not common or any(first[k] != second[k] for k in first if k not in beside):
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
        and starts from the perfect crystal, which is melted first where the card says so. Where
        frames are shipped, these are read and labelled instead.
        """
        from tlbench.md.langevin import sample_nvt
        from tlbench.reference.stillinger_weber import StillingerWeber

        origin, element = cls.model_validate(recipe), elements[0]
        if origin.frames is not None:
            return origin._shipped(origin.frames, element)
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

    def _shipped(self, shipped: ShippedFrames, element: str) -> dict[str, Frames]:
        """Return the parts of the shipped frames, with labels."""
        from tlbench.data.shipped import card_folder
        from tlbench.md.shipped_frames import first_of, read_frames, with_labels

        path = card_folder() / shipped.file
        check_digest(path, shipped.sha256)
        held = read_frames(path)
        parts = {}
        for split in SPLITS:
            asked = self._part(split)
            found = [
                first_of(held[split], temperature, asked.trajectories, asked.frames)
                for temperature in self.temperatures_k
            ]
            parts[split] = with_labels(Frames.concatenate(found), element)
        return parts

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
