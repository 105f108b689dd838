"""Which kind of file somebody brought, where it is not extended XYZ, and the way out."""

from pathlib import Path

from tlbench.base.errors import InputError

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


def check_is_file(path: Path, missing: str) -> None:
    """Refuse a path that does not lead to a regular file; ``missing`` is said if nothing is there.

    Raises
    ------
    InputError
        Also for a pipe or a device, which may never end.
    """
    if path.is_file():
        return
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a file in it.")
    if path.exists():
        raise InputError(
            f"{path}: is a pipe or a device, not a regular file; write its content into a file "
            "first."
        )
    raise InputError(missing)


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
