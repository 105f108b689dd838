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

from tlbench.base.errors import InputError

REFERENCE = ("ref", "reference", "dft", "qm", "true", "target")
"""Methods that mark reference labels, the likeliest first; a bare key comes next."""

NEVER = (
    "kinetic", "per_atom", "peratom", "per atom", "variance", "uncertain", "weight", "fermi",
    "cutoff", "encut", "ecut", "bandgap", "band_gap", "hull", "temperature", "constant",
    "tolerance", "convergence",
)  # fmt: skip
"""Parts of names that mark something else than a label."""

NEVER_WORDS = frozenset(
    {"std", "var", "err", "error", "max", "min", "fmax", "time", "mask", "sigma"}
)
"""Words between underscores, or between changes of case, that do the same."""

DOUBTFUL = (
    "formation", "correct", "dispersion", "d3", "vdw", "cohesive", "atomization", "atomisation",
    "binding", "adsorption", "zero_point", "zpe", "solvation", "interaction", "nuclear",
)  # fmt: skip
"""Parts of names that mark no total energy or force; used where there is nothing better."""

TEMPERATURE_NAMES = ("temperature_k", "temperature", "temp", "t_k", "T")
NOT_TEMPERATURE = ("electron", "smearing", "fermi", "debye", "unit")
GROUP_NAMES = ("config_type", "group", "label", "name")
GROUP_PARTS = ("config", "group", "type", "label", "categor", "kind")
MOST_VALUES = 30
MOST_OF_FRAMES = 0.5
"""Groups and set temperatures are few; what has more values is a name, or fluctuates."""

MOST_NAMES = 20
"""Keys that a message lists."""

FEW_FRAMES = 3
"""Frames from which an energy that never changes is not an energy."""

Frame = int | str
"""A frame by its number in the file, or by file and number."""


@dataclass
class Seen:
    """What is under one key: the first value, in which frames, different values, the largest.

    ``finite`` is the number of frames without a number there that is not finite.
    """

    first: Any
    frames: list[Frame] = field(default_factory=list)
    distinct: set[Any] = field(default_factory=set)
    largest: float = 0.0
    finite: int = 0

    @property
    def count(self) -> int:
        """Number of frames that have the key."""
        return len(self.frames)


@dataclass(frozen=True)
class LabelKeys:
    """The keys of a file that hold its labels, and one sentence for each thing that was guessed.

    ``unlabelled`` are the frames without energy or forces.
    """

    energy: str
    forces: str
    stress: str | None
    virial: str | None
    temperature: str | None
    group: str | None
    phase: str | None
    unlabelled: tuple[Frame, ...]
    said: tuple[str, ...]


def collect(frames: Iterable[tuple[Frame, Mapping[str, Any]]]) -> dict[str, Seen]:
    """Return what is under each key of some frames."""
    keys: dict[str, Seen] = {}
    for number, found in frames:
        for key, value in found.items():
            seen = keys.setdefault(key, Seen(value))
            seen.frames.append(number)
            is_array = isinstance(value, np.ndarray) and value.dtype.kind in "if"
            seen.finite += bool(np.isfinite(value).all()) if is_array else 1
            if isinstance(value, str) or _is_number(value):
                seen.distinct.add(value)
            elif is_array and value.size:
                seen.largest = max(seen.largest, float(np.abs(value).max()))
    return keys


def find_keys(keys: Mapping[str, Seen]) -> LabelKeys:
    """Return the keys that hold labels.

    Raises
    ------
    InputError
        If there are no energies or forces under any key, or they are of two methods, each in
        another part of the frames.
    """
    everywhere = list(dict.fromkeys(frame for seen in keys.values() for frame in seen.frames))
    energies = _labels(keys, ("energy", "toten", "etot"), ())
    forces = _labels(keys, ("forces", "force"), (-1, 3))
    energy, force = _energy_and_forces(keys, energies, forces, len(everywhere))
    methods = (_method(energy), _method(force))
    labelled = set(keys[energy].frames) & set(keys[force].frames)
    unlabelled = tuple(number for number in everywhere if number not in labelled)
    said = [
        f"energies: key {energy!r}{_others(energies, energy)}{_doubt(energy)}",
        f"forces: key {force!r}{_others(forces, force)}{_doubt(force)}",
    ]
    if methods[0] != methods[1]:
        said.append(
            f"Warning: by their names, {energy!r} and {force!r} may be of different methods; make "
            "sure that they are not"
        )
    said += _of_free_energy(keys, energy)
    if unlabelled:
        said.append(
            f"labels: {len(unlabelled)} of {len(everywhere)} frames "
            f"{'has' if len(unlabelled) == 1 else 'have'} no energy or no forces "
            f"({numbers_text(unlabelled)}); a card leaves them out (unlabelled: leave-out)"
        )
    stresses = _labels(keys, ("stress",), (3, 3))
    virials = [key for key in _labels(keys, ("virials", "virial"), (3, 3)) if key not in stresses]
    stress = next((key for key in stresses if _method(key) in methods), None)
    virial = next((key for key in virials if _method(key) in methods), None)
    used = [key for key in (stress, virial) if key]
    unused = [key for key in (*stresses, *virials) if key not in used]
    counts = [
        f"key {key!r}, in {keys[key].finite} of {len(everywhere)} frames"
        + (" as finite numbers" if keys[key].finite < keys[key].count else "")
        for key in used
    ]
    if used:
        said.append(f"stress: {', '.join(counts)}{_others(unused, '')}")
    elif unused:
        said.append(
            f"stress: none by the method of the energies; {', '.join(map(repr, unused))} may be of "
            "another method; to use it, set stress_key or virial_key"
        )
    elif "stress" in keys and not _is_tensor(keys["stress"].first):
        said.append("stress: none; 'stress' has another shape than that of a cell, and is not used")
    else:
        said.append("stress: none")
    temperature = _of_kind("temperature", _temperatures(keys), keys, said)
    group = _of_kind("group", _groups(keys), keys, said)
    phase = next((key for key, seen in keys.items()
                  if key.lower() == "phase" and isinstance(seen.first, str)), None)  # fmt: skip
    return LabelKeys(
        energy, force, stress, virial, temperature, group, phase, unlabelled, tuple(said)
    )


def numbers_text(numbers: Sequence[Frame], most: int = 5) -> str:
    """Return frame numbers in words, a few of many."""
    shown = ", ".join(map(str, numbers[:most]))
    more = f" and {len(numbers) - most} more" if len(numbers) > most else ""
    if isinstance(numbers[0], str):
        return f"{shown}{more}"
    return f"frame{'s' if len(numbers) > 1 else ''} {shown}{more}"


def _labels(keys: Mapping[str, Seen], parts: Sequence[str], shape: tuple[int, ...]) -> list[str]:
    """Return the keys that may hold a label of this shape, the likeliest first."""
    found = [
        key
        for key, seen in keys.items()
        if any(part in key.lower() for part in parts)
        and not _is_something_else(key)
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
        return _is_tensor(array)
    return array.ndim == 2 and array.shape[1] == 3


def _is_tensor(value: Any) -> bool:
    return np.shape(value) in ((3, 3), (9,), (6,))


def _words(key: str) -> list[str]:
    """Return the words of a name, which underscores or changes of case separate."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", key)
    return [part.lower() for part in parts]


def _is_something_else(key: str) -> bool:
    # VASP's energy for a smearing of zero width is an energy.
    words = _words(re.sub(r"sigma_?(to_?|->)?0", "", key, flags=re.IGNORECASE))
    return any(part in key.lower() for part in NEVER) or not NEVER_WORDS.isdisjoint(words)


def _method(key: str) -> str:
    """Return what in the name of a label says how it was computed: "ref" of ``REF_energy``."""
    without = re.sub(
        r"energy|energies|forces?|stress(es)?|virials?|tensor|total|tot(?=_|$|ener)|free|potential"
        r"|toten|etot|in_?ev|sigma_?(to_?)?0|(?<![a-z])(ev|gpa|kbar|bar)(?![a-z])",
        "_",
        key,
        flags=re.IGNORECASE,
    )
    return "_".join(_words(without))


def _rank(method: str) -> int:
    """Return the place of a method among others: references, then bare keys, then any other."""
    places = [REFERENCE.index(word) for word in method.split("_") if word in REFERENCE]
    return min(places, default=len(REFERENCE) + (method != ""))


def _tier(energy: str, force: str) -> int:
    """Return how well two keys go together, 0 best.

    References, or bare keys, of one method; then of two; then predictions of one model.
    """
    one = _method(energy) == _method(force)
    trusted = all(_rank(_method(key)) <= len(REFERENCE) for key in (energy, force))
    return (0 if one else 1) if trusted else (2 if one else 3)


def _energy_and_forces(
    keys: Mapping[str, Seen], energies: list[str], forces: list[str], n_frames: int
) -> tuple[str, str]:
    """Return the keys of energies and forces, of one method if possible."""
    changing = [key for key in energies if not _is_constant(keys[key])]
    # All zero, they are placeholders, unless there are no others.
    acting = [key for key in forces if keys[key].largest > 0] or forces
    for what, found, all_ in (("energies", changing, energies), ("forces", acting, forces)):
        if not found:
            raise InputError(_nothing_found(keys, what, all_))
    pairs = sorted(((e, f) for e in changing for f in acting), key=lambda pair: _tier(*pair))
    covered = {pair: set(keys[pair[0]].frames) & set(keys[pair[1]].frames) for pair in pairs}
    most = max(map(len, covered.values()))
    if not most:
        raise InputError(
            f"no frame has both energies ({', '.join(map(repr, changing))}) and forces "
            f"({', '.join(map(repr, acting))})."
        )
    # Of pairs that few frames have, the best name is worth nothing.
    best = next(pair for pair in pairs if len(covered[pair]) > 0.5 * most)
    for other in pairs:
        rest = covered[other] - covered[best]
        if rest and _tier(*other) <= max(1, _tier(*best)):
            raise InputError(
                f"{len(covered[best])} of {n_frames} frames have {best[0]!r} and {best[1]!r}, "
                f"{len(rest)} others have {other[0]!r} and {other[1]!r} instead; if they are of "
                "one method, rename one pair in the file, else divide the file."
            )
    return best


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
        if part in key.lower() and not _is_something_else(key)
    ]
    if near:
        key, seen = near[0]
        value = seen.first.tolist() if isinstance(seen.first, np.ndarray) else seen.first
        shown = " ".join(str(value).split())[:40]
        kind = "a number" if what == "energies" else "three numbers for each atom"
        return f"the key {key!r} looks like {what} but is not {kind}: {shown!r}."
    names = [f"{key:.40}" for key in sorted(set(keys) - {"numbers", "positions"})]
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    there = ", ".join(names[:MOST_NAMES]) or "none"
    return f"no key looks like {what}; its keys are: {there}{more}."


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
    # A lower-case t is a time.
    names = {
        key: key if key == "T" else key.lower()
        for key, seen in keys.items()
        if _is_number(seen.first) and not any(word in key.lower() for word in NOT_TEMPERATURE)
    }
    return _likeliest(names, TEMPERATURE_NAMES, ("temperature",))


def _groups(keys: Mapping[str, Seen]) -> list[str]:
    names = {
        key: key.lower()
        for key, seen in keys.items()
        if isinstance(seen.first, str) and not key.startswith("_")
    }
    return _likeliest(names, GROUP_NAMES, GROUP_PARTS)


def _likeliest(names: Mapping[str, str], exact: Sequence[str], parts: Sequence[str]) -> list[str]:
    """Return the keys with one of the exact names, then those with one of the parts in theirs."""
    found = [key for wanted in exact for key, name in names.items() if name == wanted]
    found += [key for part in parts for key, name in names.items() if part in name]
    return list(dict.fromkeys(found))


def _of_kind(
    what: str, candidates: Sequence[str], keys: Mapping[str, Seen], said: list[str]
) -> str | None:
    """Return the first key with few values, and say so."""
    few = [key for key in candidates if _has_few_values(keys[key])]
    if few:
        others = [key for key in few if len(keys[key].distinct) > 1]
        said.append(f"{what}: key {few[0]!r}{_others(others, few[0])}")
        return few[0]
    if candidates:
        seen = keys[candidates[0]]
        said.append(
            f"{what}: unknown, because {candidates[0]!r} has {len(seen.distinct)} different values "
            f"in {seen.count} frames"
        )
    else:
        said.append(f"{what}: unknown")
    return None


def _has_few_values(seen: Seen) -> bool:
    few = max(FEW_FRAMES, MOST_OF_FRAMES * seen.count)
    return len(seen.distinct) <= min(MOST_VALUES, few)


def _doubt(key: str) -> str:
    doubtful = any(word in key.lower() for word in DOUBTFUL)
    return ", which by its name may not be a total energy or force" if doubtful else ""


def _others(candidates: Sequence[str], chosen: str) -> str:
    others = [repr(key) for key in candidates if key != chosen]
    return f" (not {', '.join(others)})" if others else ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
