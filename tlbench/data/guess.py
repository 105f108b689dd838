"""A card for a file that somebody brings: guessed, with every guess said."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tlbench.data.frames import Frames
from tlbench.data.readers.extxyz import READER, ExtxyzOptions, images, labels
from tlbench.data.reading import sha256_of
from tlbench.errors import InputError

ENERGY_KEYS = ("energy", "REF_energy", "dft_energy", "DFT_energy", "Energy", "free_energy")
FORCES_KEYS = ("forces", "REF_forces", "dft_forces", "DFT_forces", "force", "Forces")
STRESS_KEYS = ("stress", "REF_stress", "dft_stress")
VIRIAL_KEYS = ("virial", "REF_virial", "virials", "dft_virial")
TEMPERATURE_KEYS = ("temperature_k", "temperature", "Temperature", "temp", "T")
GROUP_KEYS = ("config_type", "group", "label", "name")
NOT_TOTAL = ("kinetic", "per_atom", "peratom", "sigma", "std", "var", "error", "weight")
"""Parts of names of energies and forces that are no labels."""
MOST_VALUES = 30
"""Groups and set temperatures are few; what has more values is a name, or fluctuates."""
HELD_BACK = 0.1
"""Part of the frames that validation and test get each."""


@dataclass(frozen=True)
class Guess:
    """A card as YAML text, and one sentence for each thing that was guessed."""

    text: str
    said: Sequence[str]


def guess_card(path: Path, test: Path | None = None, name: str | None = None) -> Guess:
    """Return a card for an extxyz file, with the test part from ``test`` if it is given.

    The data set is called ``name``, by default like the file, in letters that names have.

    Raises
    ------
    InputError
        If the file cannot be read, or has no energies and forces under any key.
    """
    keys = _keys([labels(atoms) for _, atoms in images(path) if len(atoms) > 1])
    options, said = _options(path, keys)
    checked = ExtxyzOptions.model_validate(options)
    files = {path.name: path} | ({test.name: test} if test else {})
    if test and len(files) == 1:
        raise InputError(f"{path} and {test} have the same name; rename one of them.")
    frames = {name: READER.read(file, checked) for name, file in files.items()}
    elements = _elements(list(frames.values()))
    said.append(
        f"elements: {', '.join(elements)}"
        + ("; suites transfer between data sets of one element each" if elements[1:] else "")
    )
    left_out = sum(1 for _, atoms in images(path) if len(atoms) == 1)
    if left_out:
        said.append(f"isolated atoms: {left_out} left out, their energy is no label of a structure")
    split = _split(path.name, test.name if test else None, frames, said)
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
            "options": options,
            "files": {
                key: {"path": key, "sha256": sha256_of(file), "bytes": file.stat().st_size}
                for key, file in files.items()
            },
            "split": split,
        },
    }
    text = yaml.safe_dump(card, sort_keys=False, allow_unicode=True, width=96)
    return Guess(text, said)


@dataclass
class _Seen:
    """What stands under one key: in how many frames, which value first, how many different."""

    count: int
    first: Any
    distinct: set[Any]


def _keys(found: Iterable[dict[str, Any]]) -> dict[str, _Seen]:
    keys: dict[str, _Seen] = {}
    for entry in found:
        for key, value in entry.items():
            seen = keys.setdefault(key, _Seen(0, value, set()))
            seen.count += 1
            if isinstance(value, str) or _is_number(value):
                seen.distinct.add(value)
    return keys


def _options(path: Path, keys: dict[str, _Seen]) -> tuple[dict[str, Any], list[str]]:
    """Return the reader's options, and what to say of them."""
    n_frames = max((seen.count for seen in keys.values()), default=0)
    scalars = {k: s for k, s in keys.items() if _is_number(s.first)}
    vectors = {
        k: s
        for k, s in keys.items()
        if np.ndim(s.first) == 2 and np.shape(s.first)[1] == 3 and k != "positions"
    }
    energies = _candidates(ENERGY_KEYS, scalars, "energy", n_frames)
    forces = _candidates(FORCES_KEYS, vectors, "force", n_frames)
    for what, candidates in (("energies", energies), ("forces", forces)):
        if not candidates:
            there = ", ".join(sorted(set(keys) - {"numbers", "positions"})) or "none"
            raise InputError(f"{path}: no key looks like {what}; keys there are: {there}.")
    # Energies and forces of one method have one prefix.
    energy, force = next(
        ((e, f) for e in energies for f in forces if _stem(e, "energy") == _stem(f, "force")),
        (energies[0], forces[0]),
    )
    options: dict[str, Any] = {"energy_key": energy, "forces_key": force}
    said = [
        f"energies: key {energy!r}{_others(energies, energy)}",
        f"forces: key {force!r}{_others(forces, force)}",
    ]
    stress = next((key for key in STRESS_KEYS if key in keys), None)
    virial = next((key for key in VIRIAL_KEYS if key in keys), None)
    if stress or virial:
        options |= {"stress_key": stress, "virial_key": virial}
        count = keys[stress or virial or ""].count
        said.append(f"stress: key {stress or virial!r}, in {count} of {n_frames} frames")
    else:
        said.append("stress: none")
    words = {k: s for k, s in keys.items() if isinstance(s.first, str)}
    for option, names, among in (
        ("temperature_key", TEMPERATURE_KEYS, scalars),
        ("group_key", GROUP_KEYS, words),
    ):
        what = option.removesuffix("_key")
        key = next((name for name in names if name in among), None)
        if key is None:
            said.append(f"{what}: unknown")
        elif len(among[key].distinct) > MOST_VALUES:
            options[option] = None
            count = len(among[key].distinct)
            said.append(f"{what}: unknown, because {key!r} has {count} different values")
        else:
            options[option] = key
            said.append(f"{what}: key {key!r}")
    return options, said


def _candidates(
    known: Sequence[str], there: dict[str, _Seen], part: str, n_frames: int
) -> list[str]:
    """Return the keys that may be meant, the likeliest first."""
    similar = [
        key
        for key in sorted(there)
        if part in key.lower() and not any(word in key.lower() for word in NOT_TOTAL)
    ]
    found = dict.fromkeys([*(key for key in known if key in there), *similar])
    return sorted(found, key=lambda key: there[key].count < n_frames)


def _stem(key: str, part: str) -> str:
    return key.lower().partition(part)[0]


def _others(candidates: Sequence[str], chosen: str) -> str:
    others = [repr(key) for key in candidates if key != chosen]
    return f" (not {', '.join(others)})" if others else ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _elements(parts: Sequence[Frames]) -> list[str]:
    from ase.data import chemical_symbols

    numbers = sorted({z for frames in parts for z in frames.elements()})
    return [chemical_symbols[z] for z in numbers]


def _split(
    name: str, test: str | None, frames: dict[str, Frames], said: list[str]
) -> dict[str, Any]:
    count = len(frames[name])
    held_back = max(1, round(HELD_BACK * count))
    n_test = len(frames[test]) if test else held_back
    train = count - held_back - (0 if test else n_test)
    if train < 1:
        raise InputError(
            f"{name}: {count} structures are too few to be divided into training, validation "
            "and test; three are the least."
        )
    ordered = len(np.unique(frames[name].group)) == 1 and _is_trajectory(frames[name])
    order = "last" if ordered else "random"
    why = {
        "last": "the last of the file, because successive frames resemble each other",
        "random": "drawn at random; if successive frames resemble each other, set order: last",
    }[order]
    said.append(
        f"split: {train} train, {held_back} validation, {n_test} test"
        + (f" (from {test})" if test else "")
        + f"; {why}"
    )
    return {
        "name": "guessed",
        "order": order,
        "seed": 0,
        "train": {"files": [name], "frames": train},
        "validation": {"files": [name], "frames": held_back},
        "test": {"files": [test or name], "frames": n_test},
    }


def _is_trajectory(frames: Frames) -> bool:
    """Return whether successive frames are much more alike than frames far apart.

    Compared are root mean square displacements in fractional coordinates, of frames with the
    same atoms: next to each other, against half the file away.
    """
    near, far = [], []
    half = len(frames) // 2
    # Enough pairs to tell, few enough to be quick.
    for first in np.unique(np.linspace(0, len(frames) - 2, 50).astype(int)):
        near.append(_displacement(frames, int(first), int(first) + 1))
        far.append(_displacement(frames, int(first), (int(first) + half) % len(frames)))
    known = np.isfinite(near) & np.isfinite(far)
    if known.sum() < 3:
        return False
    return bool(np.median(np.array(near)[known]) < 0.5 * np.median(np.array(far)[known]))


def _displacement(frames: Frames, i: int, j: int) -> float:
    """Return the displacement between two frames, NaN if their atoms or cells differ in kind."""
    one, other = frames.select([i]), frames.select([j])
    periodic = bool(one.pbc.all() and other.pbc.all() and np.linalg.det(one.cell[0]) != 0)
    if one.atomic_numbers.tolist() != other.atomic_numbers.tolist() or not periodic:
        return float("nan")
    shift = np.linalg.solve(one.cell[0].T, one.positions.T) - np.linalg.solve(
        other.cell[0].T, other.positions.T
    )
    shift -= np.round(shift)
    return float(np.sqrt(np.square(shift).mean()))
