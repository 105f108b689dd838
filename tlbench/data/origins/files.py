"""Structures that are read from files."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
from pydantic import Field, ValidationError, field_validator, model_validator

from tlbench.base.errors import InputError
from tlbench.base.formats import lasting
from tlbench.base.registry import near_names
from tlbench.base.schema import Strict
from tlbench.data.frames import Frames, Words
from tlbench.data.origins.base import SPLITS, DataFile, OnStep, Origin, check_digest
from tlbench.data.readers import READERS
from tlbench.data.readers.base import Scanned
from tlbench.data.splits import Part, Split, divide


class FilesOrigin(Origin):
    """Frames read from files of known digest."""

    kind: Literal["files"]
    reader: str
    options: dict[str, Any] = Field(default={}, description="settings of the reader")
    files: dict[str, DataFile] = Field(min_length=1, max_length=1000)
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

    def n_frames(self, split: str) -> int:
        """Return the number of frames in one part."""
        part: Part = getattr(self.split, split)
        return part.frames

    def recipe(self) -> dict[str, Any]:
        """Return what determines the frames: digests, not places."""
        return {
            "kind": self.kind,
            "reader": self.reader,
            "provider": READERS.provider(self.reader),
            # What a card leaves out stays out, so that a new setting changes no digest.
            "options": self.reader_options().model_dump(mode="json", exclude_unset=True),
            "files": {name: file.sha256 for name, file in self.files.items()},
            "split": lasting(self.split),
        }

    @classmethod
    def of_recipe(cls, recipe: Mapping[str, Any]) -> None:
        """Return None, since a recipe does not say where the files are."""

    @classmethod
    def make(
        cls,
        recipe: Mapping[str, Any],
        elements: Sequence[str],
        paths: Mapping[str, Path],
        on_step: OnStep = lambda done, total: None,
    ) -> dict[str, Frames]:
        """Read the files and divide their frames.

        Raises
        ------
        InputError
            If a file is missing, has another digest or content than the card says, or a part of
            the split cannot be filled.
        """
        reader = READERS.get(recipe["reader"])
        options = reader.options.model_validate(recipe["options"])
        for name, sha256 in recipe["files"].items():
            check_digest(paths[name], sha256)
        reader.check({name: paths[name] for name in recipe["files"]}, options)
        files = {}
        for name in recipe["files"]:
            files[name] = reader.read(paths[name], options)
            _check_elements(paths[name], files[name], elements)
        return divide(files, Split.model_validate(recipe["split"]))

    def data_files(self) -> dict[str, DataFile]:
        """Return the files by name."""
        return self.files

    def elements_left_out(self) -> list[str]:
        """Return the elements that the training part is without."""
        return self.split.train.without_elements

    def readers(self) -> list[str]:
        """Return the name of the reader."""
        return [self.reader]

    def scan(self, paths: Mapping[str, Path]) -> Scanned:
        """Yield file, index and content of every frame; see `Reader.scan`."""
        return READERS.get(self.reader).scan(paths, self.reader_options())

    def parts_of(self, files: Mapping[str, Frames]) -> Words:
        """Return the part of each frame of the files, one file after another; empty if in none.

        Raises
        ------
        InputError
            If a part cannot be filled.
        """
        ends = np.cumsum([len(frames) for frames in files.values()])
        numbered = {
            name: replace(frames, trajectory=np.arange(end - len(frames), end))
            for end, (name, frames) in zip(ends, files.items(), strict=True)
        }
        parts = np.full(sum(map(len, files.values())), "", dtype="<U16")
        places = {name: frames.trajectory for name, frames in files.items()}
        for part, frames in divide(numbered, self.split, places).items():
            parts[frames.trajectory] = part
        return parts

    def shared_with(self, target: Origin) -> str | None:
        """Return which file of its training or validation part a target draws from.

        Files are the same by their SHA-256, whatever they are called and whichever structures
        the splits draw from them.
        """
        assert isinstance(target, FilesOrigin)
        trained_on = self._digests("train", "validation")
        used = target._digests(*SPLITS)
        common = [sha256 for sha256 in trained_on if sha256 in used]
        if not common:
            return None
        mine, theirs = trained_on[common[0]], used[common[0]]
        more = f", and {len(common) - 1} more" if len(common) > 1 else ""
        if mine == theirs:
            return f"both draw from the file {mine}{more}"
        return f"the file {mine} of one is {theirs} of the other{more}"

    def _digests(self, *splits: str) -> dict[str, str]:
        """Return SHA-256 → name of every file that one of the parts is drawn from."""
        parts: list[Part] = [getattr(self.split, split) for split in splits]
        return {self.files[name].sha256: name for part in parts for name in part.files}


def _check_elements(path: Path, frames: Frames, elements: Sequence[str]) -> None:
    """Refuse frames with other elements than the card names."""
    from ase.data import atomic_numbers, chemical_symbols

    known = [atomic_numbers.get(symbol, -1) for symbol in elements]
    foreign = ~np.isin(frames.atomic_numbers, known)
    if foreign.any():
        atom = int(np.argmax(foreign))
        frame = int(np.searchsorted(frames.atom_start, atom, side="right")) - 1
        symbol = chemical_symbols[frames.atomic_numbers[atom]]
        raise InputError(
            f"{path}: structure {frame} contains {symbol}, but the card says that the data are "
            f"of {', '.join(elements)}."
        )
