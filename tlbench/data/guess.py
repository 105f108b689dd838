"""A card for a user's file: guessed, with every guess reported."""

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tlbench.base.errors import InputError
from tlbench.data.compositions import n_undetermined
from tlbench.data.entries import Entry, entries_of, named, siblings
from tlbench.data.frames import Frames
from tlbench.data.inspection.cells import first_unsound
from tlbench.data.readers import READERS
from tlbench.data.readers.recognition import Format
from tlbench.data.sequence import n_in_trajectories, order_of
from tlbench.data.settings import guess_options
from tlbench.data.splits import composition_order

HELD_BACK = 0.1
"""Part of the frames that validation and test get each."""

ORDERS = {
    "last": "the last of the file, which is one trajectory",
    "blocks": "the last of each block of successive frames that resemble each other",
    "random": "drawn at random, because the file is not one trajectory",
    "compositions": "compositions that no other part has, drawn at random",
}

SEEDS = range(100)
"""Draws of compositions that are tried for parts of about the size wanted."""


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

METAL = "eV, Å and eV/Å, those of LAMMPS with units metal; for others, set force_unit in the card"
"""Units of a dump, which seldom states its own."""


def guess_card(
    paths: Path | Sequence[Path],
    test: Path | Sequence[Path] = (),
    validation: Path | Sequence[Path] = (),
    name: str | None = None,
    folder: Path | None = None,
    wanted: Format | None = None,
    options: Mapping[str, Any] | None = None,
    n_test: int = 1,
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
    n_test
        Test structures that are held back at least, up to a quarter of all.

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
                f"tlbench data new {first} --units hartree,bohr or --units eV,angstrom, which "
                "writes a card."
            )
        if options and format_.reader != "runner":
            raise InputError(
                f"{first}: --units is for files of RuNNer and n2p2; those of other formats are in "
                "eV and Å unless energy_unit and force_unit of the card say otherwise, where the "
                "reader has these settings."
            )
        format_ = replace(format_, options={**format_.options, **(options or {})})
        return _card(entries, format_, name or first.name.partition(".")[0], first.name, n_test)


def _card(
    entries: Mapping[str, Entry], format_: Format, name: str, title: str, n_test: int
) -> Guess:
    """Return a card for some entries of one format."""
    guess = guess_options(*(entry.path for entry in entries.values()), format_=format_)
    reader = READERS.get(format_.reader)
    checked = reader.options.model_validate(guess.options)
    said = [f"format: {format_}", *guess.said]
    frames = {key: reader.read(entry.path, checked) for key, entry in entries.items()}
    for key, entry in entries.items():
        if (found := first_unsound(frames[key])) is not None:
            number = frames[key].trajectory[found[0]] if reader.images else found[0]
            raise InputError(f"{entry.path}: frame {number}: {found[1]}.")
    elements = _elements(list(frames.values()))
    said.append(f"elements: {', '.join(elements)}")
    split = _split(_parts(entries), frames, said, n_test)
    units = UNITS.get(format_.reader, "as the reader gives them").format(**guess.options)
    units = METAL if guess.options.get("format") == "lammps-dump-text" else units
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
    """Return the names of the entries of each part; the rest is for training."""
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
    parts: dict[str, list[str]], frames: dict[str, Frames], said: list[str], n_test: int
) -> dict[str, Any]:
    """Return how frames are divided; parts without a file of their own get a tenth each.

    The test part gets ``n_test`` at least, up to a quarter.
    """
    own = parts["train"]
    pool = Frames.concatenate([frames[name] for name in own])
    count = len(pool)
    held_back = max(1, round(HELD_BACK * count))
    seed = 0
    drawn = [part for part in ("validation", "test") if part not in parts]
    tested = max(held_back, min(n_test, count // 4))
    sizes = {
        part: least if part in drawn else sum(len(frames[name]) for name in parts[part])
        for part, least in (("validation", held_back), ("test", tested))
    }
    train = count - sum(sizes[part] for part in drawn)
    if train < 1:
        structures = "1 structure is" if count == 1 else f"{count} structures are"
        raise InputError(
            f"{', '.join(own)}: {structures} too few to be divided into training, "
            "validation and test; three are the least."
        )
    order: str = order_of(pool) if drawn else "last"
    whole = _whole_compositions(pool, held_back) if len(drawn) == 2 and order == "random" else None
    if whole is not None:
        order, seed = "compositions", whole[0]
        train, sizes["validation"], sizes["test"] = whole[1:]
    listed = [f"{train} train"] + [
        f"{sizes[part]} {part}" + (f" (from {', '.join(parts[part])})" if part in parts else "")
        for part in sizes
    ]
    what = " and ".join(drawn)
    said.append(f"split: {', '.join(listed)}" + (f"; {what}: {ORDERS[order]}" if drawn else ""))
    if order == "random" and (together := n_in_trajectories(pool)):
        said.append(
            f"{together} of {count} frames are in trajectories, and neighbouring frames of one are "
            "nearly copies, so that errors on test structures drawn among them are too small; name "
            "files of other structures with --test and --validation"
        )
    return {
        "name": "guessed",
        "order": order,
        "seed": seed,
        "train": {"files": own, "frames": train},
        "validation": {"files": parts.get("validation", own), "frames": sizes["validation"]},
        "test": {"files": parts.get("test", own), "frames": sizes["test"]},
    }


def _whole_compositions(frames: Frames, held_back: int) -> tuple[int, int, int, int] | None:
    """Return a seed and the sizes of training, validation and test with compositions undivided.

    Frames of one composition are often relaxations or distortions of one structure, so that a draw
    of single frames would test on near copies of training structures. None if frames have few
    compositions, or mostly one each; or if no draw makes validation and test from half to twice
    ``held_back`` frames and leaves every element for training, its energy as determined as by all.
    """
    n_compositions = len(np.unique(frames.composition))
    if n_compositions < 3 or len(frames) < 2 * n_compositions:
        return None
    for seed in SEEDS:
        order = composition_order(frames, seed)
        formulas = frames.composition[order]
        ends = np.append(np.flatnonzero(formulas[1:] != formulas[:-1]) + 1, len(formulas))
        test = int(ends[np.argmin(np.abs(ends - held_back))])
        both = int(ends[np.argmin(np.abs(ends - test - held_back))])
        left = frames.select(order[both:])
        fits = all(held_back <= 2 * n <= 4 * held_back for n in (test, both - test))
        if not fits or not len(left) or set(left.elements()) != set(frames.elements()):
            continue
        if n_undetermined(left) == n_undetermined(frames):
            return seed, len(left), both - test, test
    return None
