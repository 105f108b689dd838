"""Where the structures of a data set come from: sampled from a potential, or read from files."""

import math
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)

from tlbench.data.readers import READERS
from tlbench.registry import near_names
from tlbench.schema import LARGEST, Strict

SPLITS = ("train", "validation", "test")

Temperature = Annotated[float, Field(gt=0, le=10_000)]


MOST_ATOMS = 1_000_000
"""Atoms of one sampled structure: more than potentials are trained on by four orders."""

MOST_POSITIONS = 1_000_000_000
"""Atoms of all sampled structures together, whose labels take some 50 GB."""

MOST_STEPS = 1_000_000_000
"""Timesteps of one trajectory, which take weeks for the smallest cell."""

MOST_FRAMES = 1_000_000_000
"""Structures that are read from files: more than all public data sets hold together."""


class Trajectories(Strict):
    """How many trajectories one part of a data set has at each temperature."""

    trajectories: PositiveInt = Field(le=MOST_FRAMES)
    frames: PositiveInt = Field(le=MOST_FRAMES, description="frames kept of each trajectory")


class Melt(Strict):
    """How trajectories that should be liquid are melted before they are equilibrated."""

    from_k: PositiveFloat = Field(description="lowest temperature that starts from the liquid")
    at_k: PositiveFloat = Field(description="temperature that melts the crystal")
    for_fs: PositiveFloat


class StillingerWeberOrigin(Strict):
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

    def check_elements(self, elements: list[str]) -> None:
        """Refuse elements that the potential has no parameters for."""
        if elements not in (["Si"], ["Ge"]):
            raise ValueError(
                f"Stillinger–Weber data are of Si or of Ge, not of {', '.join(elements)}"
            )

    @field_validator("temperatures_k")
    @classmethod
    def _distinct(cls, value: list[float]) -> list[float]:
        if sorted(set(value)) != value:
            raise ValueError("temperatures should be distinct and ascending")
        return value

    @model_validator(mode="after")
    def _can_be_sampled(self) -> "StillingerWeberOrigin":
        atoms = 8 * math.prod(self.repeats)
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
        kept = max(self.train.frames, self.validation.frames, self.test.frames)
        time_fs = self.equilibration_fs + kept * self.interval_fs
        time_fs += self.melt.for_fs if self.melt else 0
        if time_fs / self.timestep_fs > MOST_STEPS:
            raise ValueError(
                f"a trajectory of {time_fs:g} fs has more than {MOST_STEPS:,} timesteps; choose a "
                "shorter equilibration or interval, fewer frames or a longer timestep"
            )
        return self

    def n_frames(self, split: str) -> int:
        """Return the number of frames in one part."""
        return sum(self.n_frames_at(split, t) for t in self.temperatures_k)

    def n_frames_at(self, split: str, temperature_k: float) -> int:
        """Return the number of frames in one part at one temperature."""
        part: Trajectories = getattr(self, split)
        return part.trajectories * part.frames if temperature_k in self.temperatures_k else 0

    def starts_liquid(self, temperature_k: float) -> bool:
        """Return whether trajectories at this temperature are melted first."""
        return self.melt is not None and temperature_k >= self.melt.from_k

    def recipe(self) -> dict[str, Any]:
        """Return what determines the frames."""
        return self.model_dump(mode="json")


class DataFile(Strict):
    """A file of structures and the digest that it must have.

    It has an address that it can be fetched from, or a path beside the card.
    """

    url: str | None = Field(default=None, pattern=r"^https?://\S+$", max_length=500)
    path: str | None = Field(default=None, description="relative to the card's folder")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: PositiveInt = Field(description="size of the file; a longer one is refused")

    @model_validator(mode="after")
    def _one_place(self) -> "DataFile":
        if (self.url is None) == (self.path is None):
            raise ValueError("a file has either a url or a path")
        return self

    @field_validator("path")
    @classmethod
    def _inside_the_folder(cls, value: str | None) -> str | None:
        path = PurePosixPath(value or "")
        if value is not None and (path.is_absolute() or ".." in path.parts or "\0" in value):
            raise ValueError("a path should lead from the card's folder to a file inside it")
        return value


class Part(Strict):
    """One part of a data set: how many frames, drawn from which.

    A frame matches if it stands in one of the ``files`` and has one of the named groups,
    phases and temperatures, where there are any, and none of the groups it is ``without``.
    """

    frames: PositiveInt = Field(le=MOST_FRAMES)
    files: list[str] = Field(min_length=1)
    groups: list[str] = Field(default=[], description="only these kinds of structure")
    without_groups: list[str] = Field(default=[], description="not these kinds of structure")
    phases: list[str] = Field(default=[], description="only these")
    temperatures_k: list[Temperature] = Field(default=[], description="only these")


class Split(Strict):
    """How frames are divided.

    The parts are filled in the order test, validation, train, each with frames that match it
    and that no earlier part has taken.
    """

    name: str
    order: Literal["random", "last", "blocks"] = Field(
        description="random: drawn with the seed; last: from the end of the files, so that "
        "neighbours in time stay together; blocks: from the end of each block of successive "
        "frames that resemble each other"
    )
    seed: int = Field(default=0, ge=-LARGEST, le=LARGEST)
    train: Part
    validation: Part
    test: Part


class FilesOrigin(Strict):
    """Frames read from files of known digest."""

    kind: Literal["files"]
    reader: str
    options: dict[str, Any] = Field(default={}, description="settings of the reader")
    files: dict[str, DataFile] = Field(min_length=1, max_length=100)
    split: Split

    @field_validator("reader")
    @classmethod
    def _known_reader(cls, value: str) -> str:
        if value not in READERS:
            raise ValueError(f"unknown reader {value!r}; {near_names(value, READERS.names())}")
        return value

    @field_validator("files")
    @classmethod
    def _plain_names(cls, value: dict[str, DataFile]) -> dict[str, DataFile]:
        for name in value:
            if PurePosixPath(name).name != name or name in (".", "..") or "\\" in name:
                raise ValueError(f"{name!r} should be the plain name of a file")
        return value

    @model_validator(mode="after")
    def _parts_name_files(self) -> "FilesOrigin":
        for split in SPLITS:
            for name in getattr(self.split, split).files:
                if name not in self.files:
                    hint = near_names(name, self.files)
                    raise ValueError(f"split.{split} names the file {name!r}; {hint}")
        self.reader_options()
        return self

    def reader_options(self) -> Strict:
        """Return the complete settings of the reader.

        Raises
        ------
        ValueError
            If one of them is missing or not valid.
        """
        model = READERS.get(self.reader).options
        try:
            return model.model_validate(self.options)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key = ".".join(str(part) for part in first["loc"])
            hint = near_names(key, model.model_fields)
            raise ValueError(
                f"options.{key} of reader {self.reader!r}: {first['msg'].lower()}; {hint}"
            ) from error

    def check_elements(self, elements: list[str]) -> None:
        """Accept any element; the files show what they have."""

    def n_frames(self, split: str) -> int:
        """Return the number of frames in one part."""
        part: Part = getattr(self.split, split)
        return part.frames

    def n_frames_at(self, split: str, temperature_k: float) -> int:
        """Return the most frames that a part may have at one temperature: the files know."""
        return self.n_frames(split)

    def recipe(self) -> dict[str, Any]:
        """Return what determines the frames: digests, not places."""
        return {
            "kind": self.kind,
            "reader": self.reader,
            "provider": READERS.provider(self.reader),
            # What a card leaves out stays out, so that a new setting changes no digest.
            "options": self.reader_options().model_dump(mode="json", exclude_unset=True),
            "files": {name: file.sha256 for name, file in self.files.items()},
            "split": self.split.model_dump(mode="json"),
        }


Origin = Annotated[StillingerWeberOrigin | FilesOrigin, Field(discriminator="kind")]
