"""Labels of ``ase.Atoms``: which keys hold them, and in which units."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from pydantic import Field

from tlbench.base.errors import InputError
from tlbench.base.registry import near_names
from tlbench.base.schema import Strict
from tlbench.base.units import ENERGY_UNITS, FORCE_UNITS, GPA, STRESS_UNITS
from tlbench.data.frames import Floats, Frames
from tlbench.data.readers.isolated import WHAT, is_isolated

AGREEMENT = 0.01
"""Largest relative difference of a stress and a virial that are the same."""


class LabelOptions(Strict):
    """Which keys hold which labels, and in which units."""

    energy_key: str = "energy"
    forces_key: str = "forces"
    stress_key: str | None = Field(
        default="stress", description="None: ignore; six components are xx, yy, zz, yz, xz, xy"
    )
    virial_key: str | None = Field(
        default=None,
        description="eV whatever energy_unit is, minus stress (positive in tension) times volume; "
        "read where there is no stress, and compared with it where there is",
    )
    temperature_key: str | None = "temperature_k"
    phase_key: str | None = "phase"
    group_key: str | None = "config_type"
    isolated_atoms: Literal["leave-out", "keep"] = Field(default="leave-out", description=WHAT)
    unlabelled: Literal["refuse", "leave-out"] = Field(
        default="refuse", description="frames without energy or forces"
    )
    energy_unit: Literal[tuple(ENERGY_UNITS)] = "eV"  # type: ignore[valid-type]
    force_unit: Literal[tuple(FORCE_UNITS)] = "eV/angstrom"  # type: ignore[valid-type]
    stress_unit: Literal[tuple(STRESS_UNITS)] = "eV/angstrom^3"  # type: ignore[valid-type]
    stress_sign: Literal["tension", "compression"] = Field(
        default="tension", description="what a positive stress is; VASP counts compression so"
    )


def labelled(
    images: Iterable[tuple[int, Any]], options: LabelOptions
) -> Iterator[tuple[int, Frames | InputError]]:
    """Yield index and structure of each of some ``ase.Atoms``, or what is wrong with it.

    Parameters
    ----------
    images
        Index and ``ase.Atoms`` of each.
    """
    for index, atoms in images:
        found = labels(atoms)
        if options.isolated_atoms == "leave-out" and is_alone(atoms):
            continue
        has_both = options.energy_key in found and options.forces_key in found
        if options.unlabelled == "leave-out" and len(atoms) and not has_both:
            continue
        try:
            yield index, _frame(index, atoms, found, options)
        except InputError as error:
            yield index, error


def is_alone(atoms: Any) -> bool:
    """Return whether ``ase.Atoms`` are an isolated atom."""
    return is_isolated(len(atoms), np.asarray(atoms.cell), atoms.pbc)


def check_keys(where: str, names: Iterable[set[str]], options: LabelOptions) -> None:
    """Refuse a key that a card names and no frame of its files has.

    Parameters
    ----------
    where
        The files, for the message.
    names
        Names of everything that each frame carries.

    Raises
    ------
    InputError
        Naming the key, and keys that are nearly the same.
    """
    named = {
        option: key
        for option in sorted(options.model_fields_set)
        if option.endswith("_key") and (key := getattr(options, option)) is not None
    }
    found: set[str] = set()
    for of_frame in names:
        found |= of_frame
        if found.issuperset(named.values()):
            return
    for option, key in named.items():
        if key not in found:
            there = found - {"species", "pos", "Z", "Lattice", "pbc", "numbers", "positions"}
            raise InputError(
                f"{where}: no frame has the key {key!r} that the card's {option} names; "
                f"{near_names(key, there)}"
            )


def labels(atoms: Any) -> dict[str, Any]:
    """Return everything a frame carries by name: what ase recognised, and the rest."""
    found = {**atoms.info, **atoms.arrays}
    if atoms.calc is not None:
        found.update(atoms.calc.results)
    return found


def _frame(index: int, atoms: Any, found: dict[str, Any], options: LabelOptions) -> Frames:
    n_atoms = len(atoms)
    if n_atoms == 0:
        raise InputError("has no atoms.")
    if (atoms.numbers < 1).any():
        raise InputError("has atoms of no element.")

    def number(key: str, shape: tuple[int, ...], what: str) -> Floats:
        verb = "is" if what == "energy" else "are"
        if key not in found:
            keys = ", ".join(sorted(set(found) - {"numbers", "positions"})) or "none"
            raise InputError(
                f"has no {what} (key {key!r}; its keys: {keys}); name the right key in the "
                "card's options."
            )
        try:
            value = np.asarray(found[key], dtype=np.float64)
        except (TypeError, ValueError) as error:
            shown = f": {found[key]!r}" if isinstance(found[key], str) else ""
            kind = "a number" if what == "energy" else "numbers"
            raise InputError(f"its {what} (key {key!r}) {verb} not {kind}{shown}.") from error
        if value.shape != shape:
            raise InputError(f"its {what} (key {key!r}) have the shape {value.shape}, not {shape}.")
        if not np.isfinite(value).all():
            raise InputError(f"its {what} {verb} not finite.")
        return value

    return replace(
        Frames.unlabelled([atoms]),
        forces=number(options.forces_key, (n_atoms, 3), "forces") * FORCE_UNITS[options.force_unit],
        energy=number(options.energy_key, (), "energy")[None] * ENERGY_UNITS[options.energy_unit],
        stress=_stress(found, float(atoms.cell.volume), options)[None],
        temperature_k=np.array([_number(found.get(options.temperature_key or ""))]),
        phase=np.array([str(found.get(options.phase_key or "", ""))]),
        group=np.array([str(found.get(options.group_key or "", ""))]),
        trajectory=np.array([index], dtype=np.int64),
    )


def _number(value: Any) -> float:
    """Return ``value`` if it is a number, else NaN."""
    known = isinstance(value, int | float | np.integer | np.floating)
    return float(value) if known else float("nan")


def _stress(found: dict[str, Any], volume: float, options: LabelOptions) -> Floats:
    """Return the stress in GPa, positive in tension; NaN where there is none."""
    stress, virial = (found.get(key or "") for key in (options.stress_key, options.virial_key))
    of_virial = -_tensor(virial) / volume * GPA if virial is not None and volume > 0 else None
    if stress is None:
        return np.full((3, 3), np.nan) if of_virial is None else of_virial
    sign = 1 if options.stress_sign == "tension" else -1
    tensor: Floats = sign * _tensor(stress) * STRESS_UNITS[options.stress_unit]
    if of_virial is not None:
        largest = max(np.abs(tensor).max(), np.abs(of_virial).max())
        if np.abs(tensor - of_virial).max() > AGREEMENT * largest:
            raise InputError(
                f"its stress ({options.stress_key!r}, {_trace(tensor)} GPa) and its virial "
                f"({options.virial_key!r}, {_trace(of_virial)} GPa) contradict each other (a third "
                "of the trace); correct stress_unit or stress_sign in the card's options, or set "
                "the key of the wrong one to null."
            )
    return tensor


def _trace(tensor: Floats) -> str:
    return f"{np.trace(tensor) / 3:.4g}"


def _tensor(value: Any) -> Floats:
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("its stress is not made of numbers.") from error
    if array.size == 9:
        return array.reshape(3, 3)
    if array.shape == (6,):
        tensor: Floats = array[[0, 5, 4, 5, 1, 3, 4, 3, 2]].reshape(3, 3)
        return tensor
    raise InputError(f"its stress has shape {array.shape} instead of (6,) or (3, 3).")
