"""Folders of the JSON files of FitSNAP, one structure each.

Rohskopf et al., J. Open Source Softw. 8, 5118 (2023). A file may begin with a line of comment; its
``Dataset`` states its units (``EnergyStyle`` and others; those of ``metal`` in LAMMPS if not) and
holds one structure under ``Data``. Stress is positive in compression, as in VASP and in the
published set of tantalum (Thompson et al., J. Comput. Phys. 285, 316 (2015)). The folder of a
file is its group, as in FitSNAP.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tlbench.base.errors import InputError
from tlbench.base.files import read_bounded
from tlbench.base.registry import near_names
from tlbench.base.units import KILOBAR, STRESS_UNITS
from tlbench.data.frames import Floats, Frames
from tlbench.data.readers.base import Reader, files_in
from tlbench.data.readers.isolated import IsolatedAtoms, without_isolated

STYLES = {
    "Energy": {"electronvolt": 1.0, "ev": 1.0},
    "Positions": {"angstrom": 1.0},
    "Lattice": {"angstrom": 1.0},
    "Forces": {"electronvoltperangstrom": 1.0, "ev/angstrom": 1.0},
    "Stress": {
        "bar": STRESS_UNITS["bar"],
        "kb": KILOBAR,
        "kbar": KILOBAR,
        "kilobar": KILOBAR,
        "gpa": 1.0,
        "gigapascal": 1.0,
    },
    "AtomType": {"chemicalsymbol": 1.0},
}
"""Units of each quantity, in lower case, and the size of one in ours; the first is the default."""


class FitsnapOptions(IsolatedAtoms):
    """The format says which labels are where."""


def frames(path: Path, options: FitsnapOptions) -> Iterator[tuple[int, Frames | InputError]]:
    """Yield the structures of a folder, sorted by path, or of one file."""
    yield from without_isolated(_every_frame(path), options)


def _every_frame(path: Path) -> Iterator[tuple[int, Frames | InputError]]:
    files = [f for f in files_in(path) if f.suffix == ".json"] if path.is_dir() else [path]
    if not files:
        raise InputError(f"{path}: has no frames, since no file in it ends in .json.")
    for index, file in enumerate(files):
        folder = file.relative_to(path).parent if path.is_dir() else Path()
        where = file.relative_to(path).as_posix() if path.is_dir() else file.name
        try:
            frame = _frame(_structure(file))
            group, number = np.array(["/".join(folder.parts)]), np.array([index], dtype=np.int64)
            yield index, replace(frame, group=group, trajectory=number)
        except InputError as error:
            yield index, InputError(f"({where}) {error}")
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            said = f"{type(error).__name__}: {error}"[:200]
            yield index, InputError(f"({where}) is not a structure of FitSNAP ({said}).")


def _structure(path: Path) -> dict[str, Any]:
    try:
        text = read_bounded(path).decode()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror}).") from error
    if not text.startswith("{"):
        text = text.partition("\n")[2]
    try:
        found = json.loads(text, parse_constant=_refused)
    except RecursionError as error:
        raise InputError("is not JSON (it is nested too deeply).") from error
    dataset = found["Dataset"]
    if len(dataset["Data"]) != 1:
        raise InputError(f"has {len(dataset['Data'])} structures instead of one.")
    return {**dataset, **dataset["Data"][0]}


def _refused(word: str) -> float:
    raise ValueError(f"{word} is not a number")


def _frame(found: dict[str, Any]) -> Frames:
    from ase import Atoms
    from ase.data import atomic_numbers

    scale = {quantity: _unit(quantity, found) for quantity in STYLES}
    unknown = [symbol for symbol in found["AtomTypes"] if symbol not in atomic_numbers]
    if unknown:
        raise InputError(f"has atoms of {unknown[0]!r}, which is not an element.")
    n_atoms = len(found["AtomTypes"])
    cell = scale["Lattice"] * _array(found, "Lattice", (3, 3))
    positions = scale["Positions"] * _array(found, "Positions", (n_atoms, 3))
    stress = np.full((3, 3), np.nan)
    if found.get("Stress") is not None:
        stress = -scale["Stress"] * _array(found, "Stress", (3, 3))
    return replace(
        Frames.unlabelled([Atoms(found["AtomTypes"], positions, cell=cell, pbc=True)]),
        forces=scale["Forces"] * _array(found, "Forces", (n_atoms, 3)),
        energy=scale["Energy"] * _array(found, "Energy", ())[None],
        stress=stress[None],
    )


def _unit(quantity: str, found: dict[str, Any]) -> float:
    units = STYLES[quantity]
    stated = str(found.get(f"{quantity}Style", next(iter(units))))
    if stated.lower() not in units:
        hint = near_names(stated, units)
        raise InputError(f"has the {quantity}Style {stated!r}, which is not read; {hint}")
    return units[stated.lower()]


def _array(found: dict[str, Any], name: str, shape: tuple[int, ...]) -> Floats:
    if found.get(name) is None:
        raise InputError(f"has no {name}.")
    array = np.array(found[name], dtype=np.float64)
    if array.shape != shape:
        raise InputError(f"its {name} have the shape {array.shape}, not {shape}.")
    if not np.isfinite(array).all():
        raise InputError(f"its {name} are not finite.")
    return array


READER = Reader(
    name="fitsnap",
    summary="a folder of the JSON files of FitSNAP",
    options=FitsnapOptions,
    frames=frames,
    folders=True,
)
