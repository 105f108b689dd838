"""Structures to be checked, with the names that findings call them by."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tlbench.data.cards import Card
from tlbench.data.fetch import fetch
from tlbench.data.frames import Frames, Words
from tlbench.data.origins import FilesOrigin
from tlbench.data.reader_options import guess_options
from tlbench.data.readers import READERS
from tlbench.data.readers.base import Reader
from tlbench.data.readers.file_types import check_is_file
from tlbench.data.splits import divide
from tlbench.errors import InputError
from tlbench.inspection.finding import EVERYWHERE, Finding
from tlbench.schema import validate

UNUSED = "unused"
"""Part of the frames that are in the files of a card, but in none of its parts."""

EXTXYZ = "extxyz"
READER_OF = {".extxyz": EXTXYZ, ".xyz": EXTXYZ}
"""Endings of files that can be read without a card."""


@dataclass(frozen=True)
class Collection:
    """Frames with their names.

    Attributes
    ----------
    frames
        The structures that could be read.
    names
        File and index in the file, or part and index in the part, of each; shape (frames,).
    parts
        Part of the data set that each is in; empty if there are no parts; shape (frames,).
    elements
        Symbols that the card names; None if there is no card.
    unreadable
        Findings about frames that could not be read, or parts that could not be made of them.
    guessed
        Sentences on what was guessed of a file without a card.
    """

    frames: Frames
    names: Words
    parts: Words
    elements: tuple[str, ...] | None = None
    unreadable: tuple[Finding, ...] = ()
    guessed: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    def select(self, chosen: npt.NDArray[np.bool_]) -> "Collection":
        """Return the structures where ``chosen`` (frames,) is true."""
        return replace(
            self,
            frames=self.frames.select(chosen),
            names=self.names[chosen],
            parts=self.parts[chosen],
            unreadable=(),
            guessed=(),
        )


def from_file(path: Path, reader: str | None = None) -> Collection:
    """Read a data file without a card.

    The settings of extended XYZ are guessed as for `tlbench data new`; other readers have their
    defaults.

    Raises
    ------
    InputError
        If the file cannot be read, or its reader has settings that only a card can give.
    """
    check_is_file(path, f"There is no data file {str(path)!r}; check the path.")
    chosen = reader or READER_OF.get(path.suffix.lower())
    if chosen is None:
        raise InputError(
            f"{path}: its format is not known from its ending; name it with --reader "
            f"({', '.join(READERS.names())}), or write a card for the file and validate that."
        )
    format_ = READERS.get(chosen)
    guess = guess_options(path) if chosen == EXTXYZ else None
    settings = guess.options if guess else {}
    # A card leaves out frames without labels; without a card they are reported one by one.
    settings.pop("unlabelled", None)
    try:
        options = validate(format_.options, settings, "its defaults")
    except InputError as error:
        raise InputError(
            f"{path}: the reader {chosen!r} has settings without defaults; write a card for the "
            "file and validate that."
        ) from error
    frames, names, unreadable = _read({path.name: path}, format_, options)
    said = guess.said if guess else ()
    return Collection(frames, _words(names), _words([""] * len(names)), None, unreadable, said)


def from_card(card: Card, mirror: Path | None = None) -> Collection:
    """Read the files of a card that has files, and note the part that each frame falls into.

    Raises
    ------
    InputError
        If the files cannot be had, or are not of the card's format.
    """
    assert isinstance(card.origin, FilesOrigin)
    reader = READERS.get(card.origin.reader)
    paths = fetch(card, mirror)
    frames, names, unreadable = _read(paths, reader, card.origin.reader_options())
    parts = _words([""] * len(names))
    # A frame that is missing would shift all that a seed draws after it.
    if not unreadable:
        try:
            parts = _parts(frames, names, card.origin)
        except InputError as error:
            unreadable = (Finding("error", "split", EVERYWHERE, str(error)),)
    return Collection(frames, _words(names), parts, tuple(card.elements), unreadable)


def from_parts(parts: Mapping[str, Frames], elements: Iterable[str] | None = None) -> Collection:
    """Name the frames of some parts by part and index."""
    names = [f"{part} frame {index}" for part, of in parts.items() for index in range(len(of))]
    return Collection(
        Frames.concatenate(list(parts.values())),
        _words(names),
        np.repeat(list(parts), [len(of) for of in parts.values()]),
        None if elements is None else tuple(elements),
    )


def _read(
    paths: Mapping[str, Path], reader: Reader, options: Any
) -> tuple[Frames, list[str], tuple[Finding, ...]]:
    """Return the frames that can be read, their names, and errors about the others."""
    frames, names, findings = [], [], []
    try:
        reader.check(paths, options)
    except InputError as error:
        findings.append(Finding("error", "labels", EVERYWHERE, str(error)))
    for file, path in paths.items():
        for index, frame in reader.frames(path, options):
            name = f"{file} frame {index}"
            if isinstance(frame, InputError):
                said = str(frame)
                findings.append(Finding("error", "labels", name, said[:1].upper() + said[1:]))
            else:
                frames.append(frame)
                names.append(name)
    if not names and not findings:
        raise InputError(f"{', '.join(paths)}: has no structures.")
    return Frames.concatenate(frames) if frames else Frames.empty(), names, tuple(findings)


def _parts(frames: Frames, names: list[str], origin: FilesOrigin) -> Words:
    """Return the part that each frame falls into."""
    numbered = replace(frames, trajectory=np.arange(len(frames)))
    file_of = np.array([name.rpartition(" frame ")[0] for name in names])
    files = {name: numbered.select(file_of == name) for name in origin.files}
    parts = np.full(len(frames), UNUSED, dtype="<U16")
    for part, chosen in divide(files, origin.split).items():
        parts[chosen.trajectory] = part
    return parts


def _words(values: Iterable[str]) -> Words:
    return np.array(list(values), dtype=np.str_)
