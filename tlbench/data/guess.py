"""A card for a file that somebody brings: guessed, with every guess said."""

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from tlbench.base.errors import InputError
from tlbench.data.entries import Entry, entries_of, named, siblings
from tlbench.data.frames import Frames
from tlbench.data.readers import READERS
from tlbench.data.readers.recognition import Format
from tlbench.data.sequence import order_of
from tlbench.data.settings import guess_options

HELD_BACK = 0.1
"""Part of the frames that validation and test get each."""

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


UNITS = {
    "ase": "eV, Å and eV/Å, as ase gives them",
    "deepmd": "eV, Å and eV/Å, as the format has them",
    "extxyz": "eV, Å and eV/Å, as the format has them",
    "fitsnap": "as the files state them",
    "runner": "{energy_unit} and {length_unit}, as asked for; the files do not state them",
}
"""Units that files of a reader are in."""


def guess_card(
    paths: Path | Sequence[Path],
    test: Path | Sequence[Path] = (),
    validation: Path | Sequence[Path] = (),
    name: str | None = None,
    folder: Path | None = None,
    wanted: Format | None = None,
    options: Mapping[str, Any] | None = None,
) -> Guess:
    """Return a card for files of structures.

    Parameters
    ----------
    paths
        Files, folders, archives, or paths that go on inside an archive
        (``data.tar.gz/set/train.xyz``).
    test, validation
        Likewise for the test and validation part; if empty, files of ``paths`` whose names say that
        they are one, or one beside ``x_train.xyz`` (``x_test.xyz``), else part of the others.
    name
        What the data set is called; None: like the file, in letters that names have.
    folder
        The folder of the card, which has the files in it or below; None: that of the first path.
    wanted
        The format, if it was asked for.
    options
        Settings of the reader that were asked for.

    Raises
    ------
    InputError
        If a file cannot be read, or has no energies and forces under any key.
    """
    given = {"train": _listed(paths), "validation": _listed(validation), "test": _listed(test)}
    first = given["train"][0]
    home = first.parent if folder is None else folder
    if len(given["train"]) == 1:
        for part, other in siblings(first).items():
            given[part] = given[part] or [other]
    with tempfile.TemporaryDirectory(prefix="tlbench-") as scratch:
        found = []
        for part, of_part in given.items():
            for path in of_part:
                # What is not said to be a part may say so by its name.
                asked = part if part != "train" else None
                found += entries_of(path, home, Path(scratch), asked, wanted)
        entries = named(found)
        format_ = _one_format(entries)
        if format_.reader == "runner" and not options:
            raise InputError(
                f"{first}: files of RuNNer and n2p2 do not state their units; state them with "
                "--units hartree,bohr or --units eV,angstrom."
            )
        format_ = replace(format_, options={**format_.options, **(options or {})})
        return _card(entries, format_, name or first.name.partition(".")[0], first.name)


def _card(entries: Mapping[str, Entry], format_: Format, name: str, title: str) -> Guess:
    """Return a card for some entries of one format."""
    guess = guess_options(*(entry.path for entry in entries.values()), format_=format_)
    reader = READERS.get(format_.reader)
    checked = reader.options.model_validate(guess.options)
    said = [f"format: {format_}", *guess.said]
    frames = {key: reader.read(entry.path, checked) for key, entry in entries.items()}
    elements = _elements(list(frames.values()))
    said.append(f"elements: {', '.join(elements)}")
    split = _split(_parts(entries), frames, said)
    units = UNITS.get(format_.reader, "as the reader gives them").format(**guess.options)
    said.append(f"units: {units}; `tlbench data validate` checks that")
    called = re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._") or "data"
    card = {
        "name": called[:64],
        "title": f"{', '.join(elements)} of {title}",
        "description": "Please say what these structures are and how they were sampled.",
        "elements": elements,
        "level_of_theory": "unknown",
        "licence": "unknown",
        "citation": ["unpublished"],
        "units": {"length": "angstrom", "energy": "eV", "force": "eV/angstrom", "stress": "GPa"},
        "origin": {
            "kind": "files",
            "reader": format_.reader,
            "options": guess.options,
            "files": {key: entry.file() for key, entry in entries.items()},
            "split": split,
        },
    }
    text = yaml.dump(card, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=96)
    return Guess(text, said)


class _Dumper(yaml.SafeDumper):
    """YAML without anchors, which cards may not have."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _listed(paths: Path | Sequence[Path]) -> list[Path]:
    return [paths] if isinstance(paths, Path) else list(paths)


def _one_format(entries: Mapping[str, Entry]) -> Format:
    """Return the format of all entries.

    Raises
    ------
    InputError
        If there are several.
    """
    by_format = {str(entry.format): (key, entry.format) for key, entry in entries.items()}
    if len(by_format) > 1:
        listed = ", ".join(f"{key} ({name})" for name, (key, _) in by_format.items())
        raise InputError(
            f"Files of one card have one format, but here are several: {listed}; name files of "
            "one, or say with --format which."
        )
    ((_, format_),) = by_format.values()
    return format_


def _parts(entries: Mapping[str, Entry]) -> dict[str, list[str]]:
    """Return the names of the entries of each part; what is no other part is for training."""
    parts: dict[str, list[str]] = {}
    for key, entry in entries.items():
        parts.setdefault(entry.part or "train", []).append(key)
    # A file called "test" that is all there is, is divided.
    return parts if "train" in parts else {"train": list(entries)}


def _elements(parts: Sequence[Frames]) -> list[str]:
    from ase.data import chemical_symbols

    numbers = sorted({z for frames in parts for z in frames.elements()})
    return [chemical_symbols[z] for z in numbers]


def _split(
    parts: dict[str, list[str]], frames: dict[str, Frames], said: list[str]
) -> dict[str, Any]:
    """Return how frames are divided; parts without a file of their own get a tenth each."""
    own = parts["train"]
    pool = Frames.concatenate([frames[name] for name in own])
    count = len(pool)
    held_back = max(1, round(HELD_BACK * count))
    drawn = [part for part in ("validation", "test") if part not in parts]
    sizes = {
        part: held_back if part in drawn else sum(len(frames[name]) for name in parts[part])
        for part in ("validation", "test")
    }
    train = count - held_back * len(drawn)
    if train < 1:
        raise InputError(
            f"{', '.join(own)}: {count} structures are too few to be divided into training, "
            "validation and test; three are the least."
        )
    order = order_of(pool) if drawn else "last"
    listed = [f"{train} train"] + [
        f"{sizes[part]} {part}" + (f" (from {', '.join(parts[part])})" if part in parts else "")
        for part in sizes
    ]
    what = " and ".join(drawn)
    said.append(f"split: {', '.join(listed)}" + (f"; {what}: {ORDERS[order]}" if drawn else ""))
    return {
        "name": "guessed",
        "order": order,
        "seed": 0,
        "train": {"files": own, "frames": train},
        "validation": {"files": parts.get("validation", own), "frames": sizes["validation"]},
        "test": {"files": parts.get("test", own), "frames": sizes["test"]},
    }
