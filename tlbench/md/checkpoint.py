"""Arrays on disk from which a simulation resumes."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tlbench.files import PART

Arrays = dict[str, npt.NDArray[Any]]


def save_arrays(path: Path, arrays: Arrays) -> None:
    """Write arrays; a crash leaves the old file or the new."""
    part = path.with_suffix(PART)
    with part.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # numpy's stub takes a flag for an array
    part.replace(path)


def load_arrays(path: Path) -> Arrays | None:
    """Read arrays; None if there is no whole file of them."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None
