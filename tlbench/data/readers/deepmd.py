"""Folders of arrays of DeePMD-kit (``deepmd/npy``, of one or of mixed compositions), by dpdata.

Zeng et al., J. Chem. Inf. Model. 65, 5595 (2025). A system is a folder with ``type.raw``,
``type_map.raw`` and ``set.*`` of ``.npy`` arrays in eV, Å and eV/Å; its virial is minus stress
(positive in tension) times volume, in eV. A folder of systems is read as one data set, whose groups
are the names of the systems.
"""

import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tlbench.base.errors import InputError, TlbenchError
from tlbench.base.units import GPA
from tlbench.data.frames import Frames
from tlbench.data.readers.base import Reader, files_in
from tlbench.data.readers.isolated import IsolatedAtoms, without_isolated

TYPES, NAMES = "type.raw", "type_map.raw"
MIXED = "real_atom_types.npy"


class DeepmdOptions(IsolatedAtoms):
    """The format says which labels are where."""


def frames(path: Path, options: DeepmdOptions) -> Iterator[tuple[int, Frames | InputError]]:
    """Yield the structures of a system, or of a folder of systems, in the order of their paths."""
    yield from without_isolated(_every_frame(path), options)


def _every_frame(path: Path) -> Iterator[tuple[int, Frames | InputError]]:
    systems = [f.parent for f in files_in(path) if f.name == TYPES] if path.is_dir() else []
    if not systems:
        raise InputError(f"{path}: has no frames, since no folder in it has a file {TYPES}.")
    index = 0
    for system in systems:
        group = "/".join(system.relative_to(path).parts)
        for data in _read(system):
            for number in range(len(data["coords"])):
                try:
                    frame = _frame(data, number)
                    at = np.array([index], dtype=np.int64)
                    yield index, replace(frame, group=np.array([group]), trajectory=at)
                except InputError as error:
                    yield index, error
                index += 1


def _read(system: Path) -> list[dict[str, Any]]:
    """Return what dpdata makes of a system: one part for each composition."""
    # Cards of such data can be read without dpdata.
    try:
        from dpdata import LabeledSystem, MultiSystems
    except ModuleNotFoundError as error:
        raise TlbenchError(
            "Reading DeePMD folders needs the package dpdata; pip install 'tlbench[dpdata]'."
        ) from error

    arrays = sorted(system.glob("set.*/*.npy"))
    if not arrays:
        raise InputError(f"{system}: has no frames, since it has no set.*/*.npy.")
    if not (system / NAMES).is_file():
        raise InputError(f"{system}: has no {NAMES}, which says what its elements are.")
    for array in arrays:
        _check_array(array)
    for needed in ("energy", "force"):
        if not any(array.stem == needed for array in arrays):
            raise InputError(f"{system}: has no {needed}.npy; only labelled frames can be used.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if any(array.name == MIXED for array in arrays):
                found = MultiSystems()
                found.load_systems_from_file(str(system), fmt="deepmd/npy/mixed", labeled=True)
                return [part.data for part in found]
            return [LabeledSystem(str(system), fmt="deepmd/npy").data]
        except Exception as error:  # dpdata raises whatever its parts raise
            said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise InputError(f"{system}: cannot be read by dpdata ({said}).") from error


def _check_array(path: Path) -> None:
    """Refuse an array that holds pickles, or claims more than the file has."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        said = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: is not an array of numbers ({said}).") from error
    if array.dtype.kind not in "fiu":
        raise InputError(f"{path}: is not an array of numbers, but of {array.dtype}.")


def _frame(data: dict[str, Any], number: int) -> Frames:
    from ase import Atoms
    from ase.data import atomic_numbers

    symbols = [str(data["atom_names"][kind]) for kind in data["atom_types"]]
    unknown = [symbol for symbol in symbols if symbol not in atomic_numbers]
    if unknown:
        raise InputError(f"has atoms of {unknown[0]!r}, which is not an element.")
    missing = [key for key in ("energies", "forces") if key not in data]
    if missing:
        raise InputError(f"has no {missing[0]}.")
    periodic = not data.get("nopbc", False)
    cell = np.asarray(data["cells"][number], dtype=np.float64)
    atoms = Atoms(symbols, data["coords"][number], cell=cell if periodic else None, pbc=periodic)
    stress = np.full((3, 3), np.nan)
    if "virials" in data and periodic:
        stress = -np.asarray(data["virials"][number], dtype=np.float64) / atoms.cell.volume * GPA
    frame = replace(
        Frames.unlabelled([atoms]),
        forces=np.asarray(data["forces"][number], dtype=np.float64),
        energy=np.asarray(data["energies"][number], dtype=np.float64).reshape(1),
        stress=stress[None],
    )
    for what in ("positions", "cell", "forces", "energy"):
        if not np.isfinite(getattr(frame, what)).all():
            raise InputError(f"its {what} {'is' if what == 'energy' else 'are'} not finite.")
    return frame


READER = Reader(
    name="deepmd",
    summary="folders of arrays of DeePMD-kit (deepmd/npy), by dpdata",
    options=DeepmdOptions,
    frames=frames,
    folders=True,
)
