"""Files of potentials, and what else a path may name that is taken for one."""

import json
import stat
from itertools import islice
from os import PathLike, fspath
from pathlib import Path

from tlbench.base.errors import InputError

POTENTIAL = "potential.safetensors"
"""Name of the file in the folder of a training job."""

_WHAT = f"a potential is a .safetensors file, such as {POTENTIAL} in the folder of a training job"

_PICKLES = (".ckpt", ".model", ".pickle", ".pkl", ".pt", ".pth")
_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"
_ZIP_HEADER = 30
"""Bytes of a zip archive before the name of its first file."""

_SAMPLE = 4096
_MOST_NAMED = 3
_LARGEST_HEADER = 16 << 20

DESCRIPTION = "tlbench"
"""Key of the metadata of a safetensors file under which a potential is described."""


def potential_path(path: str | PathLike[str]) -> Path:
    """Return the path of a regular file, which may then be opened without waiting for anything.

    Raises
    ------
    TypeError
        If ``path`` is not a path, or is one of bytes.
    InputError
        If it names no file, or something that is not a regular file, as a folder.
    """
    text = fspath(path) if isinstance(path, PathLike) else path
    if not isinstance(text, str):
        raise TypeError(f"The path of a potential should be a str or a Path, but is {path!r}.")
    if not text or "\0" in text:
        raise InputError(f"The path {text!r} names no file; {_WHAT}.")
    found = Path(text)
    try:
        regular = stat.S_ISREG(found.stat().st_mode)
    except OSError:
        regular = False
    if not regular:
        raise InputError(refusal(found, ""))
    return found


def refusal(path: Path, reason: str) -> str:
    """Return one sentence on what ``path`` is instead of a potential, and where potentials are.

    Parameters
    ----------
    reason
        Why it could not be read, for files about which no more can be said.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return f"{path}: {_folder(path)}."
        if not stat.S_ISREG(mode):
            return f"{path}: is not a regular file; {_WHAT}."
        with path.open("rb") as file:
            sample = file.read(_SAMPLE)
    except FileNotFoundError:
        return f"{path}: there is no such file; {_WHAT}."
    except OSError as error:
        return f"{path}: cannot be read ({error.strerror})."
    if not sample:
        return f"{path}: is an empty file; {_WHAT}."
    pickle = path.suffix in _PICKLES or sample.startswith(_PICKLE)
    if sample.startswith(_ZIP) and _first_name(sample).endswith(b".npy"):
        kind = "a file of numpy arrays (.npz)"
    elif pickle or (sample.startswith(_ZIP) and b"data.pkl" in sample):
        kind = (
            "a checkpoint of another program; such files are pickles, which can run any code when "
            "they are opened, and are not read"
        )
    elif sample.startswith(_ZIP):
        kind = "a zip archive"
    elif _is_text(sample):
        kind = "a text file"
    else:
        return f"{path}: is not a potential of tlbench ({reason}); {_WHAT}."
    return f"{path}: is not a potential of tlbench but {kind}; {_WHAT}."


def _folder(path: Path) -> str:
    files = (each for each in sorted(path.glob("*.safetensors")) if _is_potential(each))
    found = list(islice(files, _MOST_NAMED + 1))
    if len(found) == 1:
        return f"is a folder; the potential in it is {found[0]}"
    if found:
        more = ", …" if len(found) > _MOST_NAMED else ""
        return "is a folder; name one of the potentials in it: " + (
            ", ".join(p.name for p in found[:_MOST_NAMED]) + more
        )
    if (path / "store.json").is_file():
        return (
            "is a store; 'tlbench store ls --jobs' lists its jobs, and the folder of one that "
            f"trained a model has the file {POTENTIAL}"
        )
    if (path / "run.json").is_file():
        return f"is the folder of a run; 'tlbench models {path}' lists its models and their files"
    return f"is a folder without a potential; {_WHAT}"


def _is_potential(path: Path) -> bool:
    """Return whether a file begins as a potential of tlbench does; its weights are not read."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size)) if size <= _LARGEST_HEADER else {}
        return DESCRIPTION in header["__metadata__"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def _first_name(sample: bytes) -> bytes:
    """Return the name of the first file in a zip archive that begins so."""
    length = int.from_bytes(sample[_ZIP_HEADER - 4 : _ZIP_HEADER - 2], "little")
    return sample[_ZIP_HEADER : _ZIP_HEADER + length]


def _is_text(sample: bytes) -> bool:
    """Return whether a file that begins so is one that people read."""
    # The sample may end within a character.
    text = sample.decode("utf-8", errors="ignore")
    return len(text.encode()) > len(sample) - 4 and "\0" not in text and text[:1].isprintable()
