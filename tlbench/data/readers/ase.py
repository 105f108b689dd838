"""Outputs of electronic-structure codes, databases and trajectories, as ``ase.io`` reads them.

Only formats are read whose parsers in ase neither unpickle nor run anything, and that have energies
and forces. What ase gives is in eV, Å and eV/Å³, with stress positive in tension, whatever the
units and signs of the code are. ``energy`` is the energy that the code extrapolates to no smearing
of electrons, where it has one, and ``free_energy`` the one that forces are derivatives of.
"""

import json
import re
import sqlite3
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field, field_validator

from tlbench.base.errors import InputError
from tlbench.base.registry import near_names
from tlbench.data.frames import Frames
from tlbench.data.readers.base import Reader, check_is_file
from tlbench.data.readers.labels import LabelOptions, check_keys, labelled

FORMATS = {
    "abinit-out": "output of ABINIT",
    "aims-output": "output of FHI-aims",
    "castep-castep": "output of CASTEP",
    "castep-geom": "trajectory of CASTEP (.geom)",
    "castep-md": "trajectory of CASTEP (.md)",
    "db": "SQLite database of ase",
    "espresso-out": "output of Quantum ESPRESSO",
    "gaussian-out": "output of Gaussian",
    "gpaw-out": "output of GPAW",
    "json": "JSON database of ase",
    "lammps-dump-text": "dump of LAMMPS (elements, forces and energies of atoms; units metal)",
    "nwchem-out": "output of NWChem",
    "orca-output": "output of ORCA",
    "qbox": "output of Qbox",
    "traj": "trajectory of ase",
    "vasp-out": "OUTCAR of VASP",
    "vasp-xml": "vasprun.xml of VASP",
}
"""Formats of ase, by its names for them."""

PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ")
"""First bytes of compressed files, which ase would decompress without bound."""

TRAJECTORIES = (b"- of UlmASE-Trajectory", b"AFFormatASE-Trajectory")

HEADER_BYTES = 1 << 16

_ENERGY_OF_ATOMS = re.compile(r"[cvfd]2?_(\w*_)?(pe|eng|energy|energies|epot|pot)(_\w*)?")
"""Names of computes, variables and fixes of LAMMPS that are potential energies of atoms."""


class AseOptions(LabelOptions):
    """Settings of the ase reader: the format, and which keys hold what."""

    format: str = Field(description=f"as ase calls it: {', '.join(FORMATS)}")

    @field_validator("format")
    @classmethod
    def _can_be_read(cls, value: str) -> str:
        if value not in FORMATS:
            raise ValueError(f"unknown format {value!r}; {near_names(value, FORMATS)}")
        return value


def frames(path: Path, options: AseOptions) -> Iterator[tuple[int, Frames | InputError]]:
    """Yield the structures of one file."""
    yield from labelled(images(path, options), options)


def images(path: Path, options: AseOptions) -> Iterator[tuple[int, Any]]:
    """Yield index and ``ase.Atoms`` of every frame.

    Raises
    ------
    InputError
        If the file is not of the format.
    """
    check_is_file(path, f"{path}: cannot be read (there is no such file).")
    with path.open("rb") as file:
        start = file.read(HEADER_BYTES)
    if start.startswith(PACKED):
        raise InputError(f"{path}: is compressed; decompress it first.")
    name = options.format
    read: Callable[[Path], Iterator[Any]] = _READ.get(name, partial(_read, name=name))
    index = -1
    # ase warns of what concerns no label, such as constraints that it cannot find.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for index, atoms in enumerate(read(path)):
                yield index, atoms
        except InputError:
            raise
        except Exception as error:  # the parsers of ase raise whatever their parts raise
            said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise InputError(
                f"{path}: cannot be read as {FORMATS[name]} after {index + 1} frames ({said})."
            ) from error
    if index < 0:
        raise InputError(f"{path}: has no frames.")


def check(paths: Mapping[str, Path], options: AseOptions) -> None:
    """Refuse a key that a card names and no frame of its files has."""
    names = (set(labels_of(a)) for path in paths.values() for _, a in images(path, options))
    check_keys(", ".join(paths), names, options)


def is_converted(options: Mapping[str, Any]) -> bool:
    """Return whether ase converts units and signs of a format; in its own ones anything may be."""
    return options.get("format", "json") not in ("traj", "db", "json")


def labels_of(atoms: Any) -> set[str]:
    """Return the names of everything that a frame carries."""
    return {*atoms.info, *atoms.arrays, *(atoms.calc.results if atoms.calc is not None else ())}


def _read(path: Path, name: str) -> Iterator[Any]:
    import ase.io

    # The name of a file may have an "@", behind which ase looks for an index.
    yield from ase.io.iread(
        str(path.absolute()), index=":", format=name, do_not_split_by_at_sign=True
    )


def _trajectory(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        start = file.read(32)
    # Older trajectories are pickles.
    if not start.startswith(TRAJECTORIES):
        raise InputError(f"{path}: is not a trajectory of ase, or one of before 2015.")
    yield from _read(path, "traj")


def _database(path: Path) -> Iterator[Any]:
    # ase would make a database of a file that is none.
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        found = connection.execute("SELECT type FROM sqlite_master WHERE name = 'systems'")
        kinds = found.fetchall()
    if kinds != [("table",)]:
        raise InputError(f"{path}: is not a database of ase (it has no table 'systems').")
    yield from _rows(path, "db")


def _json(path: Path) -> Iterator[Any]:
    with path.open(encoding="utf-8") as file:
        found = json.load(file)
    if not isinstance(found, dict) or "ids" not in found:
        raise InputError(f"{path}: is not a JSON database of ase (it has no 'ids').")
    yield from _rows(path, "json")


def _rows(path: Path, kind: str) -> Iterator[Any]:
    import ase.db

    with ase.db.connect(str(path.absolute()), type=kind, use_lock_file=False) as database:
        for row in database.select():
            atoms = row.toatoms()
            atoms.info |= row.key_value_pairs
            yield atoms


def _dump(path: Path) -> Iterator[Any]:
    """Yield the frames of a dump with the sum of the energies of their atoms."""
    with path.open("rb") as file:
        start = file.read(HEADER_BYTES).decode(errors="replace")
    units = re.search(r"^ITEM: UNITS\s+(\w+)", start, flags=re.MULTILINE)
    if units is not None and units[1] != "metal":
        raise InputError(f"{path}: is in the units {units[1]!r} of LAMMPS; only 'metal' is read.")
    columns = re.search(r"^ITEM: ATOMS (.*)$", start, flags=re.MULTILINE)
    if columns is not None and "element" not in columns[1].split():
        raise InputError(
            f"{path}: has types of atoms but no elements; write it with the column 'element' "
            "(dump_modify … element …)."
        )
    for atoms in _read(path, "lammps-dump-text"):
        results = atoms.calc.results if atoms.calc is not None else {}
        # A dump has no total energy; ase puts 0 there.
        results.pop("energy", None)
        of_atoms = [key for key in atoms.arrays if _ENERGY_OF_ATOMS.fullmatch(key)]
        if len(of_atoms) == 1:
            results["energy"] = float(np.sum(atoms.arrays[of_atoms[0]]))
        yield atoms


_READ: Mapping[str, Callable[[Path], Iterator[Any]]] = {
    "traj": _trajectory,
    "db": _database,
    "json": _json,
    "lammps-dump-text": _dump,
}

READER = Reader(
    name="ase",
    summary="OUTCAR, vasprun.xml, .traj, .db and other formats with labels that ase reads",
    options=AseOptions,
    frames=frames,
    check=check,
    images=images,
)
