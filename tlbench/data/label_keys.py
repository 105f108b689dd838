"""Which keys of an extended XYZ file hold energies, forces and the other labels.

A label is recognised by a part of its name, whatever its case: ``REF_energy``, ``dft_forces``,
``Virial``. What stands before and after that part says by which method it was computed; all labels
of a card are of one method, and a reference goes before anything else.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tlbench.errors import InputError

REFERENCE = ("ref", "reference", "dft", "qm", "true", "target")
"""Methods that mark reference labels, the likeliest first; a bare key comes next."""

NEVER = (
    "kinetic", "per_atom", "peratom", "per atom", "sigma", "std", "var", "error", "weight", "fermi",
    "cutoff", "encut", "ecut", "bandgap", "band_gap", "hull", "temperature", "mask", "constant",
    "max_force", "fmax", "tolerance", "convergence", "time",
)  # fmt: skip
"""Parts of names that mark something else than a label."""

DOUBTFUL = (
    "formation", "correct", "dispersion", "d3", "vdw", "cohesive", "atomization", "atomisation",
    "binding", "adsorption", "zero_point", "zpe", "solvation", "interaction", "nuclear",
)  # fmt: skip
"""Parts of names that mark no total energy or force; used where there is nothing better."""

TEMPERATURE_NAMES = ("temperature_k", "temperature", "temp", "t_k")
NOT_TEMPERATURE = ("electron", "smearing", "fermi", "debye", "unit")
GROUP_NAMES = ("config_type", "group", "label", "name")
GROUP_PARTS = ("config", "group", "type", "label", "categor", "kind")
MOST_VALUES = 30
"""Groups and set temperatures are few; what has more values is a name, or fluctuates."""

FEW_FRAMES = 3
"""Frames from which an energy that never changes is not an energy."""


@dataclass
class Seen:
    """What is found under one key: in which frames, the first value, and different ones."""

    first: Any
    frames: list[int] = field(default_factory=list)
    distinct: set[Any] = field(default_factory=set)

    @property
    def count(self) -> int:
        """Number of frames that have the key."""
        return len(self.frames)


@dataclass(frozen=True)
class LabelKeys:
    """The keys of a file that hold its labels, and one sentence for each thing that was guessed.

    ``unlabelled`` are the frames, by their number in the file, without energy or forces.
    """

    energy: str
    forces: str
    stress: str | None
    virial: str | None
    temperature: str | None
    group: str | None
    phase: str | None
    unlabelled: tuple[int, ...]
    said: tuple[str, ...]


def collect(frames: Iterable[tuple[int, Mapping[str, Any]]]) -> dict[str, Seen]:
    """Return what is under each key of some frames, given by their number in the file."""
    keys: dict[str, Seen] = {}
    for number, found in frames:
        for key, value in found.items():
            seen = keys.setdefault(key, Seen(value))
            seen.frames.append(number)
            if isinstance(value, str) or _is_number(value):
                seen.distinct.add(value)
    return keys


def find_keys(keys: Mapping[str, Seen]) -> LabelKeys:
    """Return the keys that hold labels.

    Raises
    ------
    InputError
        If there are no energies or forces under any key, or they are of two methods, each in
        another part of the frames.
    """
    everywhere = sorted({number for seen in keys.values() for number in seen.frames})
    energies = _labels(keys, ("energy", "toten", "etot"), ())
    forces = _labels(keys, ("forces", "force"), (-1, 3))
    energy, force, method = _one_method(keys, energies, forces, everywhere)
    labelled = set(keys[energy].frames) & set(keys[force].frames)
    unlabelled = tuple(number for number in everywhere if number not in labelled)
    said = [
        f"energies: key {energy!r}{_others(energies, energy)}{_doubt(energy)}",
        f"forces: key {force!r}{_others(forces, force)}{_doubt(force)}",
    ]
    said += _of_free_energy(keys, energy)
    if unlabelled:
        said.append(
            f"labels: {len(unlabelled)} of {len(everywhere)} frames "
            f"{'has' if len(unlabelled) == 1 else 'have'} no energy or no forces "
            f"({numbers_text(unlabelled)}); a card leaves them out (unlabelled: leave-out)"
        )
    stresses = _labels(keys, ("stress",), (3, 3))
    virials = [key for key in _labels(keys, ("virials", "virial"), (3, 3)) if key not in stresses]
    stress = next((key for key in stresses if _method(key) == method), None)
    virial = next((key for key in virials if _method(key) == method), None)
    unused = [key for key in (*stresses, *virials) if key not in (stress, virial)]
    if stress or virial:
        used = [key for key in (stress, virial) if key]
        counts = ", ".join(f"key {key!r}, in {keys[key].count} of {len(everywhere)} frames"
                           for key in used)  # fmt: skip
        said.append(f"stress: {counts}{_others(unused, '')}")
    elif unused:
        listed = ", ".join(map(repr, unused))
        said.append(
            f"stress: none by the method of the energies; {listed} may be of another, and is used "
            "if you set stress_key or virial_key"
        )
    else:
        said.append("stress: none")
    temperature = _of_kind("temperature", _temperatures(keys), keys, said)
    group = _of_kind("group", _groups(keys), keys, said)
    phase = next((key for key, seen in keys.items()
                  if key.lower() == "phase" and isinstance(seen.first, str)), None)  # fmt: skip
    return LabelKeys(
        energy, force, stress, virial, temperature, group, phase, unlabelled, tuple(said)
    )


def numbers_text(numbers: Sequence[int], most: int = 5) -> str:
    """Return frame numbers in words, a few of many."""
    shown = ", ".join(map(str, numbers[:most]))
    more = f" and {len(numbers) - most} more" if len(numbers) > most else ""
    return f"frame{'s' if len(numbers) > 1 else ''} {shown}{more}"


def _labels(keys: Mapping[str, Seen], parts: Sequence[str], shape: tuple[int, ...]) -> list[str]:
    """Return the keys that may hold a label of this shape, the likeliest first."""
    found = [
        key
        for key, seen in keys.items()
        if any(part in key.lower() for part in parts)
        and not any(word in key.lower() for word in NEVER)
        and _has_shape(seen.first, shape)
    ]

    def order(key: str) -> tuple[Any, ...]:
        return (
            any(word in key.lower() for word in DOUBTFUL),
            _rank(_method(key)),
            -keys[key].count,
            "free" in key.lower(),
            key.lower(),
            key,
        )

    return sorted(found, key=order)


def _has_shape(value: Any, shape: tuple[int, ...]) -> bool:
    if shape == ():
        return _is_number(value)
    array = np.asarray(value)
    if array.dtype.kind not in "if":
        return False
    if shape == (3, 3):
        return array.shape in ((3, 3), (9,), (6,))
    return array.ndim == 2 and array.shape[1] == 3


def _method(key: str) -> str:
    """Return what in the name of a label says how it was computed: "ref" of ``REF_energy``."""
    without = re.sub(
        r"energy|energies|forces?|stress(es)?|virials?|tensor|total|tot(?=_|$|ener)|free|potential|toten"
        r"|etot|in_?ev|ev|gpa|kbar|bar",
        "",
        key.lower(),
    )
    return re.sub(r"[^a-z0-9]+", "", without)


def _rank(method: str) -> int:
    """Return the place of a method among others: references, then bare keys, then any other."""
    if method in REFERENCE:
        return REFERENCE.index(method)
    starts = next((n for n, word in enumerate(REFERENCE) if method.startswith(word)), None)
    if starts is not None:
        return starts
    return len(REFERENCE) + (method != "")


def _one_method(
    keys: Mapping[str, Seen], energies: list[str], forces: list[str], everywhere: list[int]
) -> tuple[str, str, str]:
    """Return the keys of energies and forces, of one method if possible, and the method."""
    candidates = [key for key in energies if not _is_constant(keys[key])]
    for what, found, all_ in (("energies", candidates, energies), ("forces", forces, forces)):
        if not found:
            raise InputError(_nothing_found(keys, what, all_))
    pairs = [(e, f) for e in candidates for f in forces if _method(e) == _method(f)]
    if not pairs:
        return candidates[0], forces[0], _method(candidates[0])

    def frames_of(pair: tuple[str, str]) -> set[int]:
        return set(keys[pair[0]].frames) & set(keys[pair[1]].frames)

    most = max(len(frames_of(pair)) for pair in pairs)
    # Of pairs that few frames have, the best name is worth nothing.
    chosen = next(pair for pair in pairs if len(frames_of(pair)) > 0.5 * most)
    own = frames_of(chosen)
    for other in pairs:
        rest = frames_of(other) - own
        if rest and len(own | rest) > len(own) and _method(other[0]) != _method(chosen[0]):
            raise InputError(
                f"{len(own)} of {len(everywhere)} frames have {chosen[0]!r} and {chosen[1]!r}, "
                f"{len(rest)} others have {other[0]!r} and {other[1]!r} instead; if they are of "
                "one method, rename one pair in the file, else divide the file."
            )
    return *chosen, _method(chosen[0])


def _nothing_found(keys: Mapping[str, Seen], what: str, constant: list[str]) -> str:
    part = {"energies": "energy", "forces": "force"}[what]
    if constant:
        seen = keys[constant[0]]
        return (
            f"the only key that looks like {what}, {constant[0]!r}, is {seen.first} in all "
            f"{seen.count} frames; name the right one in the file."
        )
    near = [
        (key, seen)
        for key, seen in keys.items()
        if part in key.lower() and not any(word in key.lower() for word in NEVER)
    ]
    if near:
        key, seen = near[0]
        value = seen.first.tolist() if isinstance(seen.first, np.ndarray) else seen.first
        shown = " ".join(str(value).split())[:40]
        kind = "a number" if what == "energies" else "three numbers for each atom"
        return f"the key {key!r} looks like {what} but is not {kind}: {shown!r}."
    there = ", ".join(sorted(set(keys) - {"numbers", "positions"})) or "none"
    return f"no key looks like {what}; its keys are: {there}."


def _is_constant(seen: Seen) -> bool:
    return seen.count >= FEW_FRAMES and len(seen.distinct) == 1


def _of_free_energy(keys: Mapping[str, Seen], energy: str) -> list[str]:
    """Say where a free energy beside the energy differs from it: forces are derivatives of it."""
    free = next(
        (k for k in keys if "free" in k.lower() and "energy" in k.lower() and k != energy), None
    )
    if free is None or "free" in energy.lower() or _method(free) not in ("", _method(energy)):
        return []
    if keys[free].distinct == keys[energy].distinct or not _is_number(keys[free].first):
        return []
    return [
        f"free energy: {free!r} differs from {energy!r}; forces are derivatives of the free energy "
        f"where electrons are smeared (energy_key: {free} uses it)"
    ]


def _temperatures(keys: Mapping[str, Seen]) -> list[str]:
    numbers = {key: key.lower() for key, seen in keys.items() if _is_number(seen.first)}
    exact = [key for name in TEMPERATURE_NAMES for key, low in numbers.items() if low == name]
    part = [
        key
        for key, low in numbers.items()
        if "temperature" in low and not any(word in low for word in NOT_TEMPERATURE)
    ]
    # A lower-case t is a time.
    return list(dict.fromkeys([*exact, *(["T"] if "T" in numbers else []), *part]))


def _groups(keys: Mapping[str, Seen]) -> list[str]:
    words = {
        key: key.lower()
        for key, seen in keys.items()
        if isinstance(seen.first, str) and not key.startswith("_")
    }
    exact = [key for name in GROUP_NAMES for key, low in words.items() if low == name]
    part = [key for name in GROUP_PARTS for key, low in words.items() if name in low]
    return list(dict.fromkeys([*exact, *part]))


def _of_kind(
    what: str, candidates: Sequence[str], keys: Mapping[str, Seen], said: list[str]
) -> str | None:
    """Return the first key with few values, and say so."""
    few = [key for key in candidates if len(keys[key].distinct) <= MOST_VALUES]
    if few:
        others = [key for key in few if len(keys[key].distinct) > 1]
        said.append(f"{what}: key {few[0]!r}{_others(others, few[0])}")
        return few[0]
    if candidates:
        count = len(keys[candidates[0]].distinct)
        said.append(f"{what}: unknown, because {candidates[0]!r} has {count} different values")
    else:
        said.append(f"{what}: unknown")
    return None


def _doubt(key: str) -> str:
    doubtful = any(word in key.lower() for word in DOUBTFUL)
    return "; its name does not say that it is a total one" if doubtful else ""


def _others(candidates: Sequence[str], chosen: str) -> str:
    others = [repr(key) for key in candidates if key != chosen]
    return f" (not {', '.join(others)})" if others else ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
