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
HELD_BACK = 0.1
"""Part of the frames that validation and test get each."""


@dataclass(frozen=True)
class Guess:
    """A card as YAML text, and one sentence for each thing that was guessed."""

    name: str
    text: str
    said: Sequence[str]


def guess_card(path: Path, test: Path | None = None) -> Guess:
    """Return a card for an extxyz file, with the test part from ``test`` if it is given.

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
    said.append(f"elements: {', '.join(elements)}")
    left_out = sum(1 for _, atoms in images(path) if len(atoms) == 1)
    if left_out:
        said.append(f"isolated atoms: {left_out} left out, their energy is no label of a structure")
    split = _split(path.name, test.name if test else None, frames, said)
    said.append(
        "units: eV, Å and eV/Å, as the format has them; `tlbench data validate` checks that"
    )
    name = re.sub(r"[^a-z0-9._-]+", "-", path.stem.lower()).strip("-._") or "data"
    card = {
        "name": name[:64],
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
    return Guess(card["name"], text, said)  # type: ignore[arg-type]


def _keys(found: Iterable[dict[str, Any]]) -> dict[str, tuple[int, Any]]:
    """Return how many frames have each key, and its value in the first that has it."""
    keys: dict[str, tuple[int, Any]] = {}
    for entry in found:
        for key, value in entry.items():
            count, first = keys.get(key, (0, value))
            keys[key] = (count + 1, first)
    return keys


def _options(path: Path, keys: dict[str, tuple[int, Any]]) -> tuple[dict[str, Any], list[str]]:
    """Return the reader's options, and what to say of them."""
    scalars = {k for k, (_, v) in keys.items() if _is_number(v)}
    vectors = {k for k, (_, v) in keys.items() if np.ndim(v) == 2 and np.shape(v)[1] == 3}
    energy = _pick(ENERGY_KEYS, scalars, "energy")
    forces = _pick(FORCES_KEYS, vectors - {"positions"}, "force")
    for what, key in (("energies", energy), ("forces", forces)):
        if key is None:
            there = ", ".join(sorted(set(keys) - {"numbers", "positions"})) or "none"
            raise InputError(f"{path}: no key looks like {what}; keys there are: {there}.")
    options: dict[str, Any] = {"energy_key": energy, "forces_key": forces}
    said = [f"energies: key {energy!r}", f"forces: key {forces!r}"]
    stress = _pick(STRESS_KEYS, set(keys), None)
    virial = _pick(VIRIAL_KEYS, set(keys), None)
    if stress or virial:
        options |= {"stress_key": stress, "virial_key": virial}
        count, _ = keys[stress or virial or ""]
        said.append(f"stress: key {stress or virial!r}, in {count} frames")
    else:
        said.append("stress: none")
    for option, candidates, among in (
        ("temperature_key", TEMPERATURE_KEYS, scalars),
        ("group_key", GROUP_KEYS, {k for k, (_, v) in keys.items() if isinstance(v, str)}),
    ):
        key = _pick(candidates, among, None)
        if key is not None:
            options[option] = key
        said.append(f"{option.removesuffix('_key')}: " + (f"key {key!r}" if key else "unknown"))
    return options, said


def _pick(candidates: Sequence[str], there: set[str], part: str | None) -> str | None:
    """Return the first candidate that is there, else a key whose name contains ``part``."""
    similar = sorted(key for key in there if part and part in key.lower())
    return next((key for key in [*candidates, *similar] if key in there), None)


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
