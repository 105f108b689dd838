"""Structures to be checked, with the names that findings call them by."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tlbench.base.errors import InputError
from tlbench.base.schema import validate
from tlbench.data.cards import Card
from tlbench.data.fetch import fetch
from tlbench.data.frames import Frames, Words
from tlbench.data.inspection.finding import EVERYWHERE, Finding
from tlbench.data.inspection.statements import check_trained_elements, statements
from tlbench.data.readers import READERS
from tlbench.data.readers.base import Scanned, check_is_file
from tlbench.data.readers.recognition import format_of, named_format
from tlbench.data.settings import guess_options

SPLIT = "split"
"""The check that the parts of a card can be made."""


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
        Part of the data set that each is in; empty if it is in none; shape (frames,).
    elements
        Symbols that the card names; None if there is no card.
    unreadable
        Findings about frames that could not be read, or parts that could not be made of them.
    guessed
        Sentences on what was guessed of a file without a card.
    stated
        Sentences on what the card states of the use of the structures.
    """

    frames: Frames
    names: Words
    parts: Words
    elements: tuple[str, ...] | None = None
    unreadable: tuple[Finding, ...] = ()
    guessed: tuple[str, ...] = ()
    stated: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    @property
    def unused(self) -> npt.NDArray[np.bool_]:
        """Which structures are in no part of a data set that has parts, shape (frames,)."""
        return np.asarray((self.parts == "") & (self.parts != "").any())

    def select(self, chosen: npt.NDArray[np.bool_]) -> "Collection":
        """Return the structures where ``chosen`` (frames,) is true."""
        return replace(
            self,
            frames=self.frames.select(chosen),
            names=self.names[chosen],
            parts=self.parts[chosen],
            unreadable=(),
            guessed=(),
            stated=(),
        )


def from_file(path: Path, reader: str | None = None) -> Collection:
    """Read a data file without a card.

    Its format is recognised by its content, unless ``reader`` names a reader or a format of ase.
    Settings are guessed as for `tlbench data new`.

    Raises
    ------
    InputError
        If the file cannot be read, or its reader has settings that only a card can give.
    """
    check_is_file(path, f"There is no data file {str(path)!r}; check the path.")
    format_ = named_format(reader) if reader and reader != "ase" else format_of(path)
    chosen = READERS.get(format_.reader)
    guess = guess_options(path, format_=format_) if chosen.images else None
    settings = dict(guess.options if guess else format_.options)
    # A card leaves out frames without labels; without a card they are reported one by one.
    settings.pop("unlabelled", None)
    try:
        options = validate(chosen.options, settings, "its defaults")
    except InputError as error:
        raise InputError(
            f"{path}: the reader {format_.reader!r} has settings without defaults; write a card "
            "for the file and validate that."
        ) from error
    found = _read(chosen.scan({path.name: path}, options), path.name)
    return replace(found, guessed=guess.said if guess else ())


def from_card(card: Card, mirror: Path | None = None) -> Collection:
    """Read the files of a card that has files, and note the part that each frame falls into.

    Raises
    ------
    InputError
        If the files cannot be had, or are not of the card's format.
    """
    paths = fetch(card, mirror)
    found = replace(_read(card.origin.scan(paths), ", ".join(paths)), elements=tuple(card.elements))
    # A frame that is missing would shift all that a seed draws after it.
    if found.unreadable:
        return found
    file_of = np.array([name.rpartition(" frame ")[0] for name in found.names])
    try:
        found = replace(
            found,
            parts=card.origin.parts_of({n: found.frames.select(file_of == n) for n in paths}),
        )
    except InputError as error:
        return replace(found, unreadable=(Finding("error", SPLIT, EVERYWHERE, str(error)),))
    return with_statements(found, card, card.read(paths))


def with_statements(collection: Collection, card: Card, parts: Mapping[str, Frames]) -> Collection:
    """Return a collection with what its card states, or an error where that cannot be meant."""
    try:
        check_trained_elements(card, parts)
        return replace(collection, stated=tuple(statements(card, parts)))
    except InputError as error:
        return replace(collection, unreadable=(Finding("error", "card", EVERYWHERE, str(error)),))


def from_parts(parts: Mapping[str, Frames], elements: Iterable[str] | None = None) -> Collection:
    """Name the frames of some parts by part and index."""
    names = [f"{part} frame {index}" for part, of in parts.items() for index in range(len(of))]
    return Collection(
        Frames.concatenate(list(parts.values())),
        _words(names),
        np.repeat(list(parts), [len(of) for of in parts.values()]),
        None if elements is None else tuple(elements),
    )


def _read(scanned: Scanned, what: str) -> Collection:
    """Return the frames that can be read, and errors about the others; ``what`` is read."""
    frames, names, findings = [], [], []
    for file, index, frame in scanned:
        name = EVERYWHERE if index is None else f"{file} frame {index}"
        if isinstance(frame, Frames):
            frames.append(frame)
            names.append(name)
        else:
            said = str(frame)
            message = said if index is None else said[:1].upper() + said[1:]
            findings.append(Finding("error", "labels", name, message))
    if not names and not findings:
        raise InputError(f"{what}: has no structures.")
    everything = Frames.concatenate(frames) if frames else Frames.empty()
    nowhere = _words([""] * len(names))
    return Collection(everything, _words(names), nowhere, unreadable=tuple(findings))


def _words(values: Iterable[str]) -> Words:
    return np.array(list(values), dtype=np.str_)
