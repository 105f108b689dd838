"""What an origin of structures is."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import Field, PositiveInt, field_validator, model_validator

from tlbench.base.errors import InputError
from tlbench.base.formats import later
from tlbench.base.schema import Strict, digest
from tlbench.data.frames import Frames, Words
from tlbench.data.readers.base import Scanned, files_in

SPLITS = ("train", "validation", "test")

Temperature = Annotated[float, Field(gt=0, le=10_000)]

MOST_FRAMES = 1_000_000_000
"""Structures of one part: more than all public data sets hold together."""

OnStep = Callable[[int, int], None]
"""Called with the steps done, and the steps in all."""


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, or of what is in a folder, in hex.

    That of a folder is of the lines that ``sha256sum`` prints of its files, sorted by path.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    if path.is_dir():
        listed = [f"{sha256_of(f)}  {f.relative_to(path).as_posix()}\n" for f in files_in(path)]
        return hashlib.sha256("".join(listed).encode(errors="surrogateescape")).hexdigest()
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error


def bytes_of(path: Path) -> int:
    """Return the size of a file, or of all files in a folder."""
    return sum(file.stat().st_size for file in (files_in(path) if path.is_dir() else [path]))


def check_digest(path: Path, sha256: str) -> None:
    """Refuse a file that is not the one that the card means.

    Raises
    ------
    InputError
        If the file is missing or its digest differs.
    """
    found = sha256_of(path)
    if found != sha256:
        raise InputError(
            f"{path}: has the SHA-256 {found[:12]}…, but the card says {sha256[:12]}…."
        )


class Archive(Strict):
    """The archive (.tar, .tar.gz or .zip) that a file of structures is in."""

    member: str = Field(min_length=1, max_length=500, description="name of the file in it")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: PositiveInt = Field(description="size of the archive; a longer one is refused")

    @field_validator("member")
    @classmethod
    def _inside_the_archive(cls, value: str) -> str:
        path = PurePosixPath(value)
        if path.is_absolute() or ".." in path.parts or "\0" in value:
            raise ValueError("a member should be the name of a file inside the archive")
        return str(path)


class DataFile(Strict):
    """A file of structures, or a folder that is read as one, and the digest that it must have.

    It has an address that it can be fetched from, or a path beside the card. If it is the member
    of an archive, that is where the archive is; digest and size are those of the member.
    """

    url: str | None = Field(default=None, pattern=r"^https?://\S+$", max_length=500)
    path: str | None = Field(default=None, description="relative to the card's folder")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: PositiveInt = Field(description="size of the file; a longer one is refused")
    archive: Archive | None = later(None)

    def packed(self) -> "DataFile | None":
        """Return the archive that the file is in, as a file; None if it is in none."""
        if self.archive is None:
            return None
        held = {"sha256": self.archive.sha256, "bytes": self.archive.bytes, "archive": None}
        return self.model_copy(update=held)

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


@dataclass(frozen=True)
class Described:
    """What a recipe alone says of one structure: atoms, temperature (K) and phase."""

    n_atoms: int
    temperature_k: float
    phase: str


@dataclass(frozen=True)
class Dynamics:
    """How much dynamics it takes to sample a data set: steps of so many structures at once."""

    n_steps: float
    n_structures: int
    n_atoms: int


@dataclass(frozen=True)
class Reference:
    """The potential that labels a data set, as the reference of simulations.

    Attributes
    ----------
    start
        The one structure that simulations start from.
    potential
        Maps a batch of structures to their ``Labels``.
    crystal
        Whether simulations should stay crystals.
    """

    start: Frames
    potential: Any
    crystal: bool


class Origin(Strict):
    """Where structures come from.

    Methods that are not defined here say what an origin has to define. Class methods read a
    *recipe*, which is all that jobs know of an origin: what `recipe` returned.
    """

    kind: str

    def check_elements(self, elements: Sequence[str]) -> None:
        """Raise ``ValueError`` if the data cannot be of these elements."""

    def n_frames(self, split: str) -> int:
        """Return the number of frames in one part."""
        raise NotImplementedError

    def n_frames_at(self, split: str, temperature_k: float) -> int:
        """Return the most frames that a part may have at one temperature."""
        return self.n_frames(split)

    def temperatures(self) -> Sequence[float]:
        """Return the temperatures (K) of every part; empty if only the files know."""
        return ()

    def described(self, split: str) -> list[Described] | None:
        """Return what the structures of one part are; None if only the files know."""
        return None

    def dynamics(self) -> Dynamics | None:
        """Return how much dynamics the data take; None if they are not sampled."""
        return None

    def recipe(self) -> dict[str, Any]:
        """Return what determines the frames, in JSON."""
        return self.model_dump(mode="json")

    @property
    def is_fixed(self) -> bool:
        """Whether the structures are the same on every machine."""
        return bool(self.data_files())

    def content(self, elements: Sequence[str], parts: Mapping[str, Frames]) -> str:
        """Return the SHA-256 of the structures and labels of all parts, made with this origin."""
        return digest({split: frames.digest() for split, frames in parts.items()})

    def check_change(self, changed: "Origin") -> None:
        """Raise ``ValueError`` if this origin cannot be changed into ``changed``."""

    @classmethod
    def of_recipe(cls, recipe: Mapping[str, Any]) -> "Origin | None":
        """Return the origin that has this recipe; None if a recipe does not say all of it."""
        return cls.model_validate(recipe)

    @classmethod
    def make(
        cls,
        recipe: Mapping[str, Any],
        elements: Sequence[str],
        paths: Mapping[str, Path],
        on_step: OnStep = lambda done, total: None,
    ) -> dict[str, Frames]:
        """Make or read the train, validation and test part.

        Parameters
        ----------
        elements
            Symbols of the elements that the card says the data have.
        paths
            Where each of `data_files` lies on this machine.

        Raises
        ------
        InputError
            If the data cannot be made.
        """
        raise NotImplementedError

    def data_files(self) -> dict[str, DataFile]:
        """Return the files that the frames are read from; none if they are sampled."""
        return {}

    def elements_left_out(self) -> list[str]:
        """Return the elements that no training structure contains, on purpose."""
        return []

    def readers(self) -> list[str]:
        """Return the names of the readers of these files."""
        return []

    def scan(self, paths: Mapping[str, Path]) -> Scanned:
        """Yield file, index and content of every frame; see `Reader.scan`."""
        yield from ()

    def parts_of(self, files: Mapping[str, Frames]) -> Words:
        """Return the part of each frame of the files, one file after another; empty if in none."""
        raise NotImplementedError

    def shared_with(self, target: "Origin") -> str | None:
        """Return in words which structures a model pretrained here has in common with a target.

        Both are of a common element, and of one kind; see `tlbench.data.cards.shared_data`.
        """
        return None

    def start(self, temperature_k: float) -> dict[str, Any]:
        """Return what reference dynamics start from, as the job "reference" has it.

        The ``kind`` "frames" are the frames of the data set; with that of an origin, the rest is
        what its `reference` reads.
        """
        return {"kind": "frames"}

    @classmethod
    def reference(cls, start: Mapping[str, Any], element: str) -> Reference:
        """Return the potential that the frames are sampled with; ``start`` is that of `start`."""
        raise NotImplementedError

    @classmethod
    def reference_name(cls, element: str) -> str:
        """Return what the potential of `reference` is called in reports, as "Tersoff Si"."""
        raise NotImplementedError

    @classmethod
    def n_atoms_at_start(cls, start: Mapping[str, Any]) -> int:
        """Return the number of atoms of the structure that `reference` starts from."""
        raise NotImplementedError
