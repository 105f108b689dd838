"""A card for a file that somebody brings: guessed, with every guess said."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tlbench.base.errors import InputError
from tlbench.data.frames import Frames
from tlbench.data.reader_options import guess_options
from tlbench.data.readers.extxyz import READER, ExtxyzOptions
from tlbench.data.reading import sha256_of
from tlbench.data.sequence import order_of

HELD_BACK = 0.1
"""Part of the frames that validation and test get each."""

TEST_NAMES = ("test",)
VALIDATION_NAMES = ("validation", "valid", "val")

ORDERS = {
    "last": "the last of the file, which is one trajectory",
    "blocks": "the last of each block of successive frames that resemble each other",
    "random": "drawn at random, because the file is not one trajectory",
}


@dataclass(frozen=True)
class Guess:
    """A card as YAML text, and one sentence for each thing that was guessed."""

    text: str
    said: Sequence[str]


def guess_card(
    path: Path, test: Path | None = None, validation: Path | None = None, name: str | None = None
) -> Guess:
    """Return a card for an extxyz file.

    Parameters
    ----------
    test, validation
        Files that the test and validation part are taken from; None: from one whose name says so
        (``x_test.xyz`` beside ``x_train.xyz``), else from ``path`` itself.
    name
        What the data set is called; None: like the file, in letters that names have.

    Raises
    ------
    InputError
        If a file cannot be read, or has no energies and forces under any key.
    """
    parts = {"train": path}
    for part, given, names in (
        ("validation", validation, VALIDATION_NAMES),
        ("test", test, TEST_NAMES),
    ):
        file = given or _sibling(path, names)
        if file is not None:
            parts[part] = file
    files = {file.name: file for file in parts.values()}
    if len(files) < len(parts):
        raise InputError(
            f"{', '.join(str(file) for file in parts.values())}: files of one card need different "
            "names; rename one of them."
        )
    guess = guess_options(*files.values())
    checked = ExtxyzOptions.model_validate(guess.options)
    said = list(guess.said)
    frames = {name: READER.read(file, checked) for name, file in files.items()}
    elements = _elements(list(frames.values()))
    said.append(
        f"elements: {', '.join(elements)}"
        + ("; suites transfer between data sets of one element each" if elements[1:] else "")
    )
    split = _split({part: file.name for part, file in parts.items()}, frames, said)
    said.append(
        "units: eV, Å and eV/Å, as the format has them; `tlbench data validate` checks that"
    )
    called = re.sub(r"[^a-z0-9._-]+", "-", (name or path.stem).lower()).strip("-._") or "data"
    card = {
        "name": called[:64],
        "title": f"{', '.join(elements)} of {path.name}",
        "description": "Please say what these structures are and how they were sampled.",
        "elements": elements,
        "level_of_theory": "unknown",
        "licence": "unknown",
        "citation": ["unpublished"],
        "units": {"length": "angstrom", "energy": "eV", "force": "eV/angstrom", "stress": "GPa"},
        "origin": {
            "kind": "files",
            "reader": "extxyz",
            "options": guess.options,
            "files": {
                key: {"path": key, "sha256": sha256_of(file), "bytes": file.stat().st_size}
                for key, file in files.items()
            },
            "split": split,
        },
    }
    text = yaml.safe_dump(card, sort_keys=False, allow_unicode=True, width=96)
    return Guess(text, said)


def _elements(parts: Sequence[Frames]) -> list[str]:
    from ase.data import chemical_symbols

    numbers = sorted({z for frames in parts for z in frames.elements()})
    return [chemical_symbols[z] for z in numbers]


def _sibling(path: Path, names: Sequence[str]) -> Path | None:
    """Return the file whose name has one of ``names`` where that of ``path`` has "train"."""
    found = re.search(r"(?<![a-z])train(ing)?(?![a-z])", path.name, flags=re.IGNORECASE)
    if found is None:
        return None
    for name in names:
        own = name.upper() if found[0].isupper() else name
        own = name.capitalize() if found[0].istitle() else own
        other = path.with_name(path.name[: found.start()] + own + path.name[found.end() :])
        if other.is_file():
            return other
    return None


def _split(files: dict[str, str], frames: dict[str, Frames], said: list[str]) -> dict[str, Any]:
    """Return how frames are divided; parts without a file of their own get a tenth each."""
    own = files["train"]
    count = len(frames[own])
    held_back = max(1, round(HELD_BACK * count))
    sizes = {
        part: len(frames[files[part]]) if part in files else held_back
        for part in ("validation", "test")
    }
    drawn = [part for part in sizes if part not in files]
    train = count - held_back * len(drawn)
    if train < 1:
        raise InputError(
            f"{own}: {count} structures are too few to be divided into training, validation "
            "and test; three are the least."
        )
    order = order_of(frames[own]) if drawn else "last"
    listed = [f"{train} train"] + [
        f"{sizes[part]} {part}" + (f" (from {files[part]})" if part in files else "")
        for part in sizes
    ]
    what = " and ".join(drawn)
    said.append(f"split: {', '.join(listed)}" + (f"; {what}: {ORDERS[order]}" if drawn else ""))
    return {
        "name": "guessed",
        "order": order,
        "seed": 0,
        "train": {"files": [own], "frames": train},
        "validation": {"files": [files.get("validation", own)], "frames": sizes["validation"]},
        "test": {"files": [files.get("test", own)], "frames": sizes["test"]},
    }
