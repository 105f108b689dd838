"""Extended XYZ files, read by ase."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from tlbench.data.frames import Floats, Frames
from tlbench.data.readers.base import Reader
from tlbench.errors import InputError
from tlbench.schema import Strict
from tlbench.units import ENERGY_UNITS, FORCE_UNITS, GPA


class ExtxyzOptions(Strict):
    """Settings of the extxyz reader: which keys hold what, and in which units."""

    energy_key: str = "energy"
    forces_key: str = "forces"
    stress_key: str | None = Field(
        default="stress", description="eV/Å³, positive in tension, as ase writes it; None: ignore"
    )
    virial_key: str | None = Field(
        default=None, description="minus stress times volume, eV; read where there is no stress"
    )
    temperature_key: str | None = "temperature_k"
    phase_key: str | None = "phase"
    group_key: str | None = "config_type"
    isolated_atoms: Literal["leave-out", "keep"] = Field(
        default="leave-out",
        description="frames of a single atom: their energy is a reference, not a label",
    )
    energy_unit: Literal[tuple(ENERGY_UNITS)] = "eV"  # type: ignore[valid-type]
    force_unit: Literal[tuple(FORCE_UNITS)] = "eV/angstrom"  # type: ignore[valid-type]


def frames(path: Path, options: ExtxyzOptions) -> Iterator[tuple[int, Frames | InputError]]:
    """Yield the structures of one file."""
    for index, atoms in images(path):
        if len(atoms) == 1 and options.isolated_atoms == "leave-out":
            continue
        try:
            yield index, _frame(index, atoms, options)
        except InputError as error:
            yield index, error


def images(path: Path) -> Iterator[tuple[int, Any]]:
    """Yield index and ``ase.Atoms`` of every frame.

    Raises
    ------
    InputError
        Naming the frame that cannot be parsed.
    """
    from ase.io.extxyz import read_xyz

    index = -1
    try:
        with path.open(encoding="utf-8-sig") as file:
            for index, atoms in enumerate(read_xyz(file, index=slice(None))):
                yield index, atoms
    except InputError:
        raise
    except Exception as error:  # ase's parser raises whatever its parts raise
        if isinstance(error, OSError) and error.strerror:
            raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
        raise InputError(
            f"{path}: frame {index + 1} cannot be read as extxyz ({type(error).__name__}: {error})."
        ) from error
    if index < 0:
        raise InputError(f"{path}: has no frames.")


def labels(atoms: Any) -> dict[str, Any]:
    """Return everything a frame carries by name: what ase recognised, and the rest."""
    found = {**atoms.info, **atoms.arrays}
    if atoms.calc is not None:
        found.update(atoms.calc.results)
    return found


def _frame(index: int, atoms: Any, options: ExtxyzOptions) -> Frames:
    found = labels(atoms)
    n_atoms = len(atoms)
    if n_atoms == 0:
        raise InputError("has no atoms.")
    if (atoms.numbers < 1).any():
        raise InputError("has atoms of no element.")

    def number(key: str, shape: tuple[int, ...], what: str) -> Floats:
        if key not in found:
            keys = ", ".join(sorted(set(found) - {"numbers", "positions"})) or "none"
            raise InputError(
                f"has no {what} (key {key!r}; its keys: {keys}); name the right key in the "
                "card's options."
            )
        try:
            value = np.asarray(found[key], dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(f"its {what} are not numbers.") from error
        if value.shape != shape:
            raise InputError(f"its {what} have shape {value.shape} instead of {shape}.")
        if not np.isfinite(value).all():
            raise InputError(f"its {what} are not all finite.")
        return value

    return Frames(
        atomic_numbers=atoms.numbers.astype(np.int64),
        positions=np.asarray(atoms.positions, dtype=np.float64),
        forces=number(options.forces_key, (n_atoms, 3), "forces") * FORCE_UNITS[options.force_unit],
        n_atoms=np.array([n_atoms], dtype=np.int64),
        cell=np.asarray(atoms.cell, dtype=np.float64)[None],
        pbc=np.asarray(atoms.pbc, dtype=bool)[None],
        energy=number(options.energy_key, (), "energy")[None] * ENERGY_UNITS[options.energy_unit],
        stress=_stress(found, float(atoms.cell.volume), options)[None],
        temperature_k=np.array([_number(_under(found, options.temperature_key))]),
        phase=np.array([str(_under(found, options.phase_key, ""))]),
        group=np.array([str(_under(found, options.group_key, ""))]),
        trajectory=np.array([index], dtype=np.int64),
    )


def _under(found: dict[str, Any], key: str | None, missing: Any = None) -> Any:
    """Return what stands under ``key``; a key of None means that there is nothing."""
    return missing if key is None else found.get(key, missing)


def _number(value: Any) -> float:
    """Return ``value`` if it is a number, else NaN."""
    known = isinstance(value, int | float | np.integer | np.floating)
    return float(value) if known else float("nan")


def _stress(found: dict[str, Any], volume: float, options: ExtxyzOptions) -> Floats:
    """Return the stress in GPa, NaN where there is none."""
    stress = found.get(options.stress_key) if options.stress_key else None
    if stress is not None:
        return _tensor(stress) * GPA
    virial = found.get(options.virial_key) if options.virial_key else None
    if virial is not None and volume > 0:
        return -_tensor(virial) / volume * GPA
    return np.full((3, 3), np.nan)


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


READER = Reader(
    name="extxyz",
    summary="extended XYZ, with configurable keys and units",
    options=ExtxyzOptions,
    frames=frames,
)
