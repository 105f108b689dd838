"""From the files of a card to its train, validation and test part."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tlbench.base.errors import InputError
from tlbench.data.frames import Frames
from tlbench.data.readers import READERS
from tlbench.data.splits import Split, divide


def read_parts(
    elements: Sequence[str], recipe: Mapping[str, Any], paths: Mapping[str, Path]
) -> dict[str, Frames]:
    """Read the files of a ``FilesOrigin`` and divide them.

    Parameters
    ----------
    elements
        Symbols of the elements that the card says the data have.
    recipe
        What ``FilesOrigin.recipe`` returned.
    paths
        Where each file lies on this machine.

    Raises
    ------
    InputError
        If a file is missing, has another digest or content than the card says, or a part of
        the split cannot be filled.
    """
    reader = READERS.get(recipe["reader"])
    options = reader.options.model_validate(recipe["options"])
    files = {}
    for name, sha256 in recipe["files"].items():
        check_digest(paths[name], sha256)
    reader.check({name: paths[name] for name in recipe["files"]}, options)
    for name in recipe["files"]:
        frames = reader.read(paths[name], options)
        check_elements(paths[name], frames, elements)
        files[name] = frames
    return divide(files, Split.model_validate(recipe["split"]))


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error


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


def check_elements(path: Path, frames: Frames, elements: Sequence[str]) -> None:
    """Refuse frames with other elements than the card names.

    Raises
    ------
    InputError
        Naming the first frame that has another element.
    """
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
