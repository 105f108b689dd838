"""A card for a file that somebody brings: guessed, with every guess said."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tlbench.base.errors import InputError
from tlbench.data.frames import Floats, Frames
from tlbench.data.label_keys import LabelKeys, collect, find_keys
from tlbench.data.origins.base import sha256_of
from tlbench.data.readers.extxyz import READER, ExtxyzOptions, images
from tlbench.data.readers.labels import AGREEMENT, is_isolated, labels
from tlbench.data.sequence import order_of
from tlbench.data.work import (
    CONVENTIONS,
    USUAL_STRESS,
    Convention,
    convention_of,
    stress_slope,
    typical_stress,
)

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


ASSUMED = CONVENTIONS[0]
"""Unit and sign of stress in the format as ase writes it."""


@dataclass(frozen=True)
class OptionsGuess:
    """Settings of the extxyz reader, and one sentence for each thing that was guessed."""

    options: dict[str, Any]
    said: tuple[str, ...]


def guess_options(*paths: Path) -> OptionsGuess:
    """Return the settings of the extxyz reader that fit all of some files.

    Raises
    ------
    InputError
        If a file cannot be read, or they have no energies and forces under any key.
    """
    frames, isolated, empty = [], 0, 0
    for path in paths:
        for number, atoms in images(path):
            if is_isolated(atoms):
                isolated += 1
            elif not len(atoms):
                empty += 1
            else:
                frame = number if len(paths) == 1 else f"{path.name} frame {number}"
                # Of what belongs to atoms, the shape and the largest number are enough.
                frames.append((frame, {key: _small(v) for key, v in labels(atoms).items()}))
    listed = ", ".join(map(str, paths))
    if not frames:
        only = [*["isolated atoms"] * bool(isolated), *["frames without atoms"] * bool(empty)]
        raise InputError(f"{listed}: has {' and '.join(only)} only; there is nothing to train on.")
    try:
        keys = find_keys(collect(frames))
    except InputError as error:
        raise InputError(f"{listed}: {error}") from error
    options: dict[str, Any] = {"energy_key": keys.energy, "forces_key": keys.forces}
    said = list(keys.said)
    if keys.unlabelled:
        options["unlabelled"] = "leave-out"
    if keys.stress or keys.virial:
        of_stress, sentences = _stress_options(paths, options, keys)
        options |= of_stress
        place = next(n for n, sentence in enumerate(said) if sentence.startswith("stress:"))
        said[place + 1 : place + 1] = sentences
    for option, key in (
        ("temperature_key", keys.temperature),
        ("group_key", keys.group),
        ("phase_key", keys.phase),
    ):
        default = ExtxyzOptions.model_fields[option].default
        if key is not None or any(default in frame for _, frame in frames):
            options[option] = key
    if isolated:
        said.append(f"isolated atoms: {isolated} left out; they are references, not structures")
    return OptionsGuess(options, tuple(said))


def _small(value: Any) -> Any:
    array = np.asarray(value)
    if array.ndim < 2 or array.size <= 9:
        return value
    kept = np.abs(array).max() if array.dtype.kind in "if" else array.flat[0]
    return np.broadcast_to(kept, array.shape)


def _stress_options(
    paths: Sequence[Path], options: dict[str, Any], keys: LabelKeys
) -> tuple[dict[str, Any], list[str]]:
    """Return which stress is used, its unit and sign, and what to say of it.

    Energies, virials and sizes decide. What nothing confirms is used only where its size is usual.
    """
    chosen: dict[str, Any] = {"stress_key": keys.stress, "virial_key": keys.virial}
    said: list[str] = []
    read = {}
    for option, key in list(chosen.items()):
        if not key:
            continue
        read[option] = _readable(paths, options | {"stress_key": None, option: key})
        if _is_placeholder(read[option]):
            said.append(
                f"Warning: stress: {key!r} is not used, because it is 0 in all frames, though "
                "forces are not"
            )
            chosen[option] = None
    if chosen["virial_key"]:
        said += _of_virial(chosen, read["virial_key"])
    if chosen["stress_key"]:
        said += _of_stress(chosen, read)
    return chosen, said


def _of_virial(chosen: dict[str, Any], frames: Frames) -> list[str]:
    """Drop a virial that energies contradict; return what to say of it."""
    key, slope = chosen["virial_key"], stress_slope(frames)
    found = convention_of(slope.value, ASSUMED) if slope.is_resolved else None
    if found == ASSUMED:
        return ["virial: minus stress times volume in eV, as energies of strained frames confirm"]
    if slope.is_resolved:
        chosen["virial_key"] = None
        return [
            f"Warning: virial: {key!r} is not used, because energies of strained frames contradict "
            "it (a virial is minus stress times volume, in eV)"
        ]
    if typical_stress(frames) > USUAL_STRESS:
        chosen["virial_key"] = None
        return [f"Warning: virial: {key!r} is not used, because {_too_large(frames)}"]
    return ["virial: taken for minus stress times volume in eV, which nothing here confirms"]


def _of_stress(chosen: dict[str, Any], read: dict[str, Frames]) -> list[str]:
    """Set unit and sign of a stress, or drop what is contradictory; return what to say of it."""
    key, frames = chosen["stress_key"], read["stress_key"]
    by_virial = read["virial_key"] if chosen["virial_key"] else None
    found, why = _convention(frames, by_virial)
    if found is None:
        if typical_stress(frames) > USUAL_STRESS:
            chosen["stress_key"] = None
            return [
                f"Warning: stress: {key!r} is not used, because {_too_large(frames)}; to use it, "
                "set stress_key, stress_unit and stress_sign in the card"
            ]
        return [
            f"stress unit: taken for {ASSUMED}, as ase writes it, which nothing here confirms; set "
            "stress_unit and stress_sign if it is another"
        ]
    if found != ASSUMED:
        chosen |= {"stress_unit": found.unit, "stress_sign": found.sign}
    said = [f"stress unit: {found}, {why}"]
    if by_virial is not None:
        scale = found.factor / ASSUMED.factor
        apart = _largest_difference(scale * frames.stress, by_virial.stress)
        if apart > AGREEMENT:
            said.append(
                f"Warning: virial: {chosen['virial_key']!r} is not used, because it differs from "
                f"{key!r} times the volume by up to {apart:.0%}; one of the two is wrong"
            )
            chosen["virial_key"] = None
    return said


def _convention(frames: Frames, by_virial: Frames | None) -> tuple[Convention | None, str]:
    """Return unit and sign of stresses that were read as ``ASSUMED``, and what decides them."""
    if by_virial is not None:
        both = np.isfinite(frames.stress) & np.isfinite(by_virial.stress)
        given, right = frames.stress[both], by_virial.stress[both]
        ratio = float(given @ right / (given @ given)) if given.any() else 0.0
        if found := convention_of(ratio, ASSUMED):
            return found, "as the virial has it"
    slope = stress_slope(frames)
    if slope.is_resolved:
        return convention_of(slope.value, ASSUMED), "as the energies of strained frames require"
    return None, ""


def _too_large(frames: Frames) -> str:
    half = f"{typical_stress(frames):.3g} GPa"
    return f"nothing here confirms its unit, and half of it would be above {half}"


def _largest_difference(stress: Floats, other: Floats) -> float:
    """Return the largest difference of two stresses in units of the larger one of its frame."""
    largest = np.maximum(np.abs(stress), np.abs(other)).max(axis=(1, 2))
    apart = np.abs(stress - other).max(axis=(1, 2))
    known = np.isfinite(apart) & (largest > 0)
    return float((apart[known] / largest[known]).max(initial=0.0))


def _readable(paths: Sequence[Path], options: dict[str, Any]) -> Frames:
    """Return the frames without a fault; reading them all will name the others."""
    settings = ExtxyzOptions.model_validate(options)
    sound = [
        frame
        for path in paths
        for _, frame in READER.frames(path, settings)
        if isinstance(frame, Frames)
    ]
    return Frames.concatenate(sound) if sound else Frames.empty()


def _is_placeholder(frames: Frames) -> bool:
    known = frames.stress[np.isfinite(frames.stress)]
    return bool(len(known) and not known.any() and frames.forces.any())
