"""A card for a file that somebody brings: guessed, with every guess said."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tlbench.data.frames import Floats, Frames
from tlbench.data.label_keys import LabelKeys, collect, find_keys
from tlbench.data.readers.extxyz import (
    AGREEMENT,
    READER,
    ExtxyzOptions,
    images,
    is_isolated,
    labels,
)
from tlbench.data.reading import sha256_of
from tlbench.data.sequence import order_of
from tlbench.data.stress_convention import CONVENTIONS, Convention, convention_of, work_slope
from tlbench.errors import InputError

HELD_BACK = 0.1
"""Part of the frames that validation and test get each."""

TEST_NAMES = ("test",)
VALIDATION_NAMES = ("validation", "valid", "val")

HIGHEST_STRESS = 1000.0
"""Median of |tr σ|/3 (GPa) above which a unit is impossible: the pressure of a planet's core."""

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


@dataclass(frozen=True)
class OptionsGuess:
    """Settings of the extxyz reader for a file, and one sentence for each thing guessed."""

    options: dict[str, Any]
    said: tuple[str, ...]


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
    guess = guess_options(path)
    checked = ExtxyzOptions.model_validate(guess.options)
    said = list(guess.said)
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


def guess_options(path: Path) -> OptionsGuess:
    """Return the settings of the extxyz reader that fit a file.

    Raises
    ------
    InputError
        If the file cannot be read, or has no energies and forces under any key.
    """
    found, isolated = [], 0
    for number, atoms in images(path):
        if is_isolated(atoms):
            isolated += 1
        else:
            # Of what belongs to atoms, the shape is enough.
            found.append((number, {k: _small(v) for k, v in labels(atoms).items()}))
    if not found:
        raise InputError(f"{path}: holds isolated atoms only; there is nothing to train on.")
    try:
        keys = find_keys(collect(found))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    options: dict[str, Any] = {"energy_key": keys.energy, "forces_key": keys.forces}
    said = list(keys.said)
    if keys.unlabelled:
        options["unlabelled"] = "leave-out"
    if keys.stress or keys.virial:
        chosen, of_stress = _stress_options(path, options, keys)
        options |= chosen
        place = next(n for n, sentence in enumerate(said) if sentence.startswith("stress:"))
        said[place + 1 : place + 1] = of_stress
    for option, key in (
        ("temperature_key", keys.temperature),
        ("group_key", keys.group),
        ("phase_key", keys.phase),
    ):
        default = ExtxyzOptions.model_fields[option].default
        if key is not None or any(default in frame for _, frame in found):
            options[option] = key
    if isolated:
        said.append(f"isolated atoms: {isolated} left out, their energy is no label of a structure")
    return OptionsGuess(options, tuple(said))


def _small(value: Any) -> Any:
    array = np.asarray(value)
    if array.ndim < 2 or array.size <= 9:
        return value
    return np.broadcast_to(array.flat[0], array.shape)


def _stress_options(
    path: Path, options: dict[str, Any], keys: LabelKeys
) -> tuple[dict[str, Any], list[str]]:
    """Return which stress is used, its unit and sign, and what to say of it.

    Energies, virials and sizes decide.
    """
    assumed = CONVENTIONS[0]
    read = {}
    for option, key in (("stress_key", keys.stress), ("virial_key", keys.virial)):
        if key:
            read[option] = _readable(path, options | {"stress_key": None, option: key})
    chosen: dict[str, Any] = {"stress_key": keys.stress, "virial_key": keys.virial}
    said = []
    for option, frames in list(read.items()):
        why = None
        if _is_placeholder(frames):
            why = "it is 0 in all frames, though forces are not"
        elif option == "virial_key" and not _agrees(frames, assumed):
            why = (
                "energies of strained frames contradict it (a virial is minus stress times volume, "
                "in eV)"
            )
        if why:
            said.append(f"stress: {chosen[option]!r} is not used, because {why}")
            chosen[option] = None
            del read[option]
    if "stress_key" in read:
        convention, why = _convention(read["stress_key"], read.get("virial_key"), assumed)
        if convention != assumed:
            chosen |= {"stress_unit": convention.unit, "stress_sign": convention.sign}
        said.append(f"stress unit: {convention}, {why}")
        if "virial_key" in read:
            scale = convention.factor / assumed.factor
            apart = _largest_difference(
                scale * read["stress_key"].stress, read["virial_key"].stress
            )
            if apart > AGREEMENT:
                said.append(
                    f"stress: {keys.virial!r} is not used, because it differs from {keys.stress!r} "
                    f"times the volume by up to {apart:.0%}; one of the two is wrong"
                )
                chosen["virial_key"] = None
    return chosen, said


def _largest_difference(stress: Floats, other: Floats) -> float:
    """Return the largest difference of two stresses in units of the larger one of its frame."""
    largest = np.maximum(np.abs(stress), np.abs(other)).max(axis=(1, 2))
    apart = np.abs(stress - other).max(axis=(1, 2))
    known = np.isfinite(apart) & (largest > 0)
    return float((apart[known] / largest[known]).max(initial=0.0))


def _readable(path: Path, options: dict[str, Any]) -> Frames:
    """Return the frames without a fault; whoever reads them all says what is wrong with others."""
    found = READER.frames(path, ExtxyzOptions.model_validate(options))
    sound = [frame for _, frame in found if isinstance(frame, Frames)]
    return Frames.concatenate(sound) if sound else Frames.empty()


def _convention(
    frames: Frames, by_virial: Frames | None, assumed: Convention
) -> tuple[Convention, str]:
    """Return the unit and sign of stresses that were read under ``assumed``, and why."""
    if by_virial is not None:
        both = np.isfinite(frames.stress) & np.isfinite(by_virial.stress)
        given, right = frames.stress[both], by_virial.stress[both]
        if given.any():
            found = convention_of(float(given @ right / (given @ given)), assumed)
            if found:
                return found, "as the virial has it"
    slope = work_slope(frames)
    found = convention_of(slope.value, assumed) if slope.is_resolved else None
    if found:
        return found, "as the energies of strained frames require"
    if typical_stress(frames) > HIGHEST_STRESS:
        for convention in CONVENTIONS[1:]:
            ratio = abs(convention.factor) / assumed.factor
            if convention.sign == "tension" and typical_stress(frames) * ratio <= HIGHEST_STRESS:
                return convention, "a guess, because eV/Å³ would be impossibly large; check it"
    return assumed, "as ase has it; nothing in the data contradicts or confirms it"


def typical_stress(frames: Frames) -> float:
    """Return the median of |tr σ|/3 in GPa; NaN if no stress is known."""
    pressure = np.abs(np.trace(frames.stress, axis1=1, axis2=2)) / 3
    known = pressure[np.isfinite(pressure)]
    return float(np.median(known)) if len(known) else float("nan")


def _is_placeholder(frames: Frames) -> bool:
    known = frames.stress[np.isfinite(frames.stress)]
    return bool(len(known) and not known.any() and frames.forces.any())


def _agrees(frames: Frames, assumed: Convention) -> bool:
    slope = work_slope(frames)
    return not slope.is_resolved or convention_of(slope.value, assumed) in (None, assumed)


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
        own = name.capitalize() if found[0][0].isupper() else name
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
