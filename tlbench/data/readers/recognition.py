"""Which reader a file or folder is for, by its content."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tlbench.base.errors import InputError, UnknownNameError
from tlbench.base.registry import near_names
from tlbench.data.readers import READERS
from tlbench.data.readers.ase import FORMATS, TRAJECTORIES
from tlbench.data.readers.base import files_in
from tlbench.data.readers.xyz_frames import refuse_other_types

START_BYTES = 1 << 16
BY_CONTENT = ("db", "json", "traj")
"""Formats of ase that the ending of a name alone does not prove."""

SIGNS = {"castep-castep": b"CASTEP", "castep-geom": b"END header", "castep-md": b"END header"}
"""What files of formats that ase knows by the ending of a name alone have near their start."""

DATA_ENDINGS = {".xyz", ".extxyz", ".json", ".traj", ".db", ".data", ".xml"}
"""Endings of files with structures: a folder with others of them is not read as a whole."""

XYZ_ENDINGS = (".xyz", ".extxyz")

_XYZ = re.compile(rb"\s*\d{1,9}[ \t]*\r?\n")


@dataclass(frozen=True)
class Format:
    """A reader, and the settings of it that the content of a file decides."""

    reader: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return str(self.options.get("format", self.reader))


def format_of(path: Path) -> Format:
    """Return the format of a file, or of a folder that one reader reads as a whole.

    Raises
    ------
    InputError
        If it is in none that is read; saying what it is, where that is known.
    """
    found = _of_folder(path) if path.is_dir() else _of_file(path)
    if found is None:
        raise InputError(
            f"{path}: its format is not recognised; if it is one of these, name it (data new "
            f"--format): {', '.join(_names())}."
        )
    return found


def named_format(name: str) -> Format:
    """Return the format that is called so: a reader, or a format of ase.

    Raises
    ------
    UnknownNameError
        If there is none; the message has the nearest names.
    """
    if name in FORMATS:
        return Format("ase", {"format": name})
    if name not in READERS or name == "ase":
        if name == "ase":
            raise UnknownNameError(
                f"The reader 'ase' has several formats; name one of them: {', '.join(FORMATS)}."
            )
        raise UnknownNameError(f"Unknown format {name!r}; {near_names(name, _names())}")
    return Format(name)


def _names() -> list[str]:
    """Return the names of formats: readers, and for the reader ase its formats."""
    return sorted({*READERS.names(), *FORMATS} - {"ase"})


def _of_folder(path: Path) -> Format | None:
    files = files_in(path)
    endings = {file.suffix.lower() for file in files if file.suffix.lower() in DATA_ENDINGS}
    if any(file.name == "type.raw" for file in files):
        return None if endings else Format("deepmd")
    structures = [file for file in files if file.suffix == ".json"]
    if endings == {".json"} and all(_is_fitsnap(_start(file)) for file in structures):
        return Format("fitsnap")
    return None


def _of_file(path: Path) -> Format | None:
    start = _start(path)
    if start.startswith(TRAJECTORIES):
        return Format("ase", {"format": "traj"})
    if start.startswith(b"SQLite format 3\0"):
        return Format("ase", {"format": "db"})
    if start.lstrip()[:1] in (b"{", b"[", b"#") and (found := _of_json(start)):
        return found
    if b"<modeling" in start[:2000]:
        return Format("ase", {"format": "vasp-xml"})
    if _begins_a_block(start):
        return Format("runner")
    if _XYZ.match(start):
        return Format("extxyz")
    name = _by_ase(path, start)
    if name in FORMATS and name not in BY_CONTENT and SIGNS.get(name, b"") in start:
        return Format("ase", {"format": name})
    if path.suffix.lower() in XYZ_ENDINGS:
        return Format("extxyz")
    refuse_other_types(path)
    return None


def _of_json(start: bytes) -> Format | None:
    if _is_fitsnap(start):
        return Format("fitsnap")
    if start.lstrip().startswith(b"[") and b'"outputs"' in start and b'"structure"' in start:
        return Format("mlearn")
    if start.lstrip().startswith(b"{") and re.search(rb'"(numbers|ctime|unique_id)"', start):
        return Format("ase", {"format": "json"})
    return None


def _begins_a_block(start: bytes) -> bool:
    """Return whether the first line that is not a comment is the ``begin`` of RuNNer's format."""
    lines = (line.split(maxsplit=1) for line in start.splitlines())
    first = (words[0] for words in lines if words)
    return next((w for w in first if w[:1] not in b"#!" and w != b"comment"), b"") == b"begin"


def _is_fitsnap(start: bytes) -> bool:
    return re.match(rb'([^{\n]*\n)?\s*\{\s*"Dataset"', start) is not None


def _by_ase(path: Path, start: bytes) -> str | None:
    """Return what ase takes a file for: by its first bytes, or else by its name."""
    from ase.io.formats import UnknownFileTypeError, filetype, ioformats, match_magic

    try:
        return str(match_magic(start).name)
    except UnknownFileTypeError:
        pass
    try:
        found = ioformats[filetype(path.name, read=False)]
    except (UnknownFileTypeError, KeyError):
        return None
    # What has first bytes of its own, and not these, is something else with such a name.
    return None if found.magic or found.magic_regex else str(found.name)


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(START_BYTES)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
