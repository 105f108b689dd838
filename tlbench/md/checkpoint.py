"""Arrays in files that are as they were written, or count as not there."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tlbench.base.files import read_sealed, write_sealed

Arrays = dict[str, npt.NDArray[Any]]


def save_arrays(path: Path, arrays: Arrays) -> None:
    """Write arrays with their digest; a crash leaves the old file or the new."""
    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]  # numpy's stub takes a flag for an array
    write_sealed(path, file.getvalue())


def load_arrays(path: Path) -> Arrays | None:
    """Read arrays; None if there is no file of them that is as it was written."""
    content = read_sealed(path)
    if content is None:
        return None
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
