"""The frames of an extended XYZ file, separated line by line so that every fault has its line.

ase parses each frame; here is what it leaves open: blank lines between frames, a cell or ``pbc``
under another name, and which line a fault is on.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tlbench.base.errors import InputError

CELL_NAMES = ("lattice", "cell", "lattice_vectors", "cell_vectors", "unit_cell", "unitcell", "box")
"""Other names of ``Lattice``, in lower case."""

CELL_PARTS = ("lat", "cell", "box", "h_matrix", "vectors")
"""Parts of names of other cells, which are refused rather than taken for no cell."""

PBC_NAMES = ("pbc", "periodic", "periodicity", "boundary", "boundaries")
"""Names of the periodic directions, in lower case."""

DEFAULT_PROPERTIES = "species:S:1:pos:R:3"

LONGEST_VECTOR = 1e6
"""Component of a cell vector (Å) beyond which it is a mistake."""

MOST_COLUMNS = 1000
"""Columns of an atom, unless its line is longer."""

MOST_DIGITS = 9
"""Digits of a number of atoms."""

LONGEST_LINE = 1 << 18
"""Bytes of a line."""

N_BYTES = 512
"""Bytes at the start of a file by which it is recognised."""

CONVERT = "convert it with `ase convert -n : {name} data.extxyz`"

SIGNATURES = (
    (b"\x1f\x8b", "is compressed by gzip; run `gunzip {name}` first"),
    (b"BZh", "is compressed by bzip2; run `bunzip2 {name}` first"),
    (b"\xfd7zXZ", "is compressed by xz; run `unxz {name}` first"),
    (b"PK\x03\x04", "is a zip archive (or a file of numpy or torch); unpack or convert it first"),
    (b"\xff\xfe", "is text in UTF-16; run `iconv -f UTF-16 -t UTF-8 {name} > data.extxyz` first"),
    (b"\xfe\xff", "is text in UTF-16; run `iconv -f UTF-16 -t UTF-8 {name} > data.extxyz` first"),
    (b"- of Ulm", "is a trajectory of ase (.traj); " + CONVERT),
    (b"AFFormat", "is a trajectory of ase (.traj); " + CONVERT),
    (b"SQLite format 3", "is a database (.db); if it is one of ase, " + CONVERT),
    (b"\x89HDF", "is an HDF5 file; write its frames as extended XYZ with the program that made it"),
    (b"\x93NUMPY", "is an array of numpy; write its frames as extended XYZ, e.g. with ase"),
    (b"CDF\x01", "is a NetCDF file; " + CONVERT),
    (b"CDF\x02", "is a NetCDF file; " + CONVERT),
    (b"BEGIN_CFG", "is a file of MLIP (.cfg); write its frames as extended XYZ with mlp or dpdata"),
    (b"ITEM: TIMESTEP", "is a dump of LAMMPS, which has no energies; " + CONVERT),
    (b"\x80", "is a pickle, which is not read because it could run any code"),
)
"""First bytes of files of other types: what they are, and the way out."""

WORDS = (
    (b" vasp.", "is an OUTCAR of VASP; " + CONVERT),
    (b"<modeling", "is a vasprun.xml of VASP; " + CONVERT),
    (b"<?xml", "is XML; if ase reads it, " + CONVERT),
)
"""Words among the first bytes, likewise."""

BOOLEANS = {"t": True, "true": True, "1": True, "f": False, "false": False, "0": False}


@dataclass(frozen=True)
class FrameText:
    """The lines of one frame: number of atoms, comment, and one line an atom.

    ``number`` is that of its first line in the file, counted from 1.
    """

    number: int
    lines: list[str]

    def header(self) -> dict[str, Any]:
        """Return the key-value pairs of the comment line, the format's own keys as it spells them.

        Raises
        ------
        InputError
            Naming the line.
        """
        try:
            found = _header(self.lines[1].strip())
            self._check_columns(found)
        except InputError as error:
            raise InputError(f"line {self.number + 1}: {error}") from error
        except Exception as error:  # ase's parser raises whatever its parts raise
            tensor = re.search(r"info item (\w+)", str(error))
            said = f"{tensor[1]} is not nine numbers" if tensor else f"({_said(error)})"
            raise InputError(
                f"line {self.number + 1}: its key-value pairs cannot be read: {said}."
            ) from error
        return found

    def _check_columns(self, header: dict[str, Any]) -> None:
        """Refuse more columns than the first atom has, which ase would make room for."""
        numbers = str(header.get("Properties", DEFAULT_PROPERTIES)).split(":")[2::3]
        # Python reads "+9", " 9" and "9_0" as numbers, too.
        odd = [number for number in numbers if not re.fullmatch("[0-9]{1,9}", number)]
        if odd:
            raise InputError(f"Properties announces {odd[0]!r} columns, which is not a number.")
        announced = sum(map(int, numbers))
        if len(self.lines) > 2 and announced > max(MOST_COLUMNS, len(self.lines[2])):
            raise InputError(f"Properties announces {announced} columns.")

    def names(self) -> set[str]:
        """Return the names of everything that the frame carries."""
        header = self.header()
        columns = str(header.pop("Properties", DEFAULT_PROPERTIES)).split(":")[::3]
        return {*header, *columns}

    def atoms(self) -> Any:
        """Return the frame as ``ase.Atoms``.

        Raises
        ------
        InputError
            Naming the line that cannot be parsed.
        """
        from ase.io.extxyz import read_xyz

        header = self.header()
        try:
            return next(
                read_xyz(
                    StringIO("".join(self.lines)), index=0, properties_parser=lambda _: {**header}
                )
            )
        except Exception as error:  # ase's parser raises whatever its parts raise
            unknown = (
                f"line {self.number}: the frame that begins here cannot be read ({_said(error)})."
            )
            raise InputError(self._fault(header) or unknown) from error

    def _fault(self, header: dict[str, Any]) -> str | None:
        """Return which line of the atoms is at fault, and why; None if none is."""
        from ase.data import atomic_numbers
        from ase.io.extxyz import parse_properties

        said = header.get("Properties", DEFAULT_PROPERTIES)
        try:
            _, _, dtype, converters = parse_properties(said)
        except ValueError as error:
            return f"line {self.number + 1}: Properties={said!r} is not understood ({error})."
        names = dtype.names or ()
        for offset, line in enumerate(self.lines[2:], start=2):
            at, values = f"line {self.number + offset}:", line.split()
            if len(values) < len(names):
                return f"{at} has {len(values)} columns, but Properties announces {len(names)}."
            for name, convert, value in zip(names, converters, values, strict=False):
                try:
                    convert(value)
                except ValueError:
                    return f"{at} {value!r} in the column {name} is not a number."
                if name in ("species", "symbols") and value.capitalize() not in atomic_numbers:
                    return f"{at} {value!r} is not the symbol of a chemical element."
        return None


def frame_texts(path: Path) -> Iterator[FrameText]:
    """Yield the lines of each frame; blank lines between frames are passed over.

    Raises
    ------
    InputError
        If the file cannot be read, has no frames, or something else than a frame on a line,
        which is named.
    """
    refuse_other_types(path)
    found = False
    try:
        with path.open("rb") as file:
            for text in _frame_texts(file):
                found = True
                yield text
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    if not found:
        raise InputError(f"{path}: has no frames.")


def refuse_other_types(path: Path) -> None:
    """Refuse a file that is recognised as something else than extended XYZ.

    Raises
    ------
    InputError
        Saying what the file is and how to convert it, or why it cannot be read.
    """
    try:
        with path.open("rb") as file:
            start = file.read(N_BYTES)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
    found = next((said for mark, said in SIGNATURES if start.startswith(mark)), None)
    found = found or next((said for word, said in WORDS if word in start), None)
    if found is None and start.lstrip()[:1] in (b"{", b"["):
        found = "is JSON; name its reader in a card, or, if ase reads it, " + CONVERT
    if found is None and b"\0" in start:
        found = "is a binary file, not extended XYZ"
    if found:
        raise InputError(f"{path}: {found.format(name=path.name)}.")


def _frame_texts(file: BinaryIO) -> Iterator[FrameText]:
    number = 0
    while line := _line(file, number + 1):
        number += 1
        start = _decoded(line, number).removeprefix("\ufeff" if number == 1 else "")
        if not start.strip():
            continue
        if not start.strip().isdecimal() or len(start.strip()) > MOST_DIGITS:
            raise InputError(
                f"line {number}: expected a number of atoms, found {_shortened(start)}."
            )
        n_atoms, lines = int(start), [start]
        for offset in range(1, n_atoms + 2):
            text = _decoded(_line(file, number + offset), number + offset)
            if not text:
                raise InputError(
                    f"line {number}: announces {n_atoms} atoms, but the file ends after "
                    f"{max(0, offset - 2)} of them."
                )
            if offset > 1 and not text.strip():
                raise InputError(
                    f"line {number + offset}: is blank, but should be atom {offset - 1} of "
                    f"{n_atoms}."
                )
            lines.append(text)
        yield FrameText(number, lines)
        number += n_atoms + 1


def _line(file: BinaryIO, number: int) -> bytes:
    line = file.readline(LONGEST_LINE + 1)
    if len(line) > LONGEST_LINE:
        raise InputError(f"line {number}: is longer than {LONGEST_LINE >> 10} KiB.")
    return line


def _decoded(line: bytes, number: int) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise InputError(
            f"line {number}: the byte 0x{line[error.start]:02x} is not UTF-8; if the file is "
            "Latin-1, convert it with `iconv -f LATIN1 -t UTF-8`."
        ) from error


def _header(line: str) -> dict[str, Any]:
    """Return the pairs of a comment line, with ``Lattice``, ``pbc`` and ``Properties`` spelt so."""
    from ase.io.extxyz import key_val_str_to_dict

    found: dict[str, Any] = key_val_str_to_dict(line) if line else {}
    by_lower = {key.lower(): key for key in reversed(found)}
    if "Properties" not in found and "properties" in by_lower:
        found["Properties"] = found.pop(by_lower["properties"])
    columns = str(found.get("Properties", DEFAULT_PROPERTIES)).split(":")
    # ase would leave out what is incomplete, and put all atoms at the origin without positions.
    if len(columns) % 3 or "pos" not in columns[::3]:
        raise InputError(
            f"Properties={':'.join(columns)!r} is not of the form {DEFAULT_PROPERTIES}:forces:R:3."
        )
    cell = next((by_lower[name] for name in CELL_NAMES if name in by_lower), None)
    if cell is not None and "Lattice" not in found:
        value = found.pop(cell)
        if not isinstance(value, np.ndarray) or value.size != 9 or value.dtype.kind not in "if":
            raise InputError(f"{cell} is not nine numbers, the three cell vectors one by one.")
        # ase's own Lattice is in this order, its columns the vectors.
        found["Lattice"] = value.ravel().reshape(3, 3, order="F")
    if "Lattice" not in found:
        _refuse_other_cells(found)
    if "Lattice" in found and not np.abs(found["Lattice"]).max() < LONGEST_VECTOR:
        raise InputError(f"Lattice has numbers that are not finite, or above {LONGEST_VECTOR:g} Å.")
    periodic = next((by_lower[name] for name in PBC_NAMES if name in by_lower), None)
    if periodic is not None:
        value = found.pop(periodic)
        found["pbc"] = _directions(periodic, value)
        if any(found["pbc"]) and "Lattice" not in found:
            raise InputError(f"{periodic} says that it is periodic, but there is no Lattice.")
    return found


def _refuse_other_cells(found: dict[str, Any]) -> None:
    """Refuse a frame without Lattice that has nine numbers under a name like that of a cell."""
    for key, value in found.items():
        named = any(part in key.lower() for part in CELL_PARTS)
        if named and isinstance(value, np.ndarray) and value.size == 9:
            raise InputError(f'{key} may be its cell; write it as Lattice="…", or remove it.')


def _directions(key: str, value: Any) -> list[bool]:
    """Return along which of the three vectors a structure is periodic."""
    words = [str(word).lower() for word in np.atleast_1d(value)]
    if len(words) == 1:
        words = words[0].split() if " " in words[0] else words
        words = list(words[0]) if len(words[0]) == 3 and words[0] not in BOOLEANS else words
    known = [BOOLEANS[word] for word in words if word in BOOLEANS]
    if len(known) != len(words) or len(known) not in (1, 3):
        raise InputError(f'{key} is not understood; write it as pbc="T T T" or pbc="F F F".')
    return known * 3 if len(known) == 1 else known


def _shortened(line: str) -> str:
    text = " ".join(line.split())
    return repr(text if len(text) <= 40 else f"{text[:40]}…")


def _said(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
