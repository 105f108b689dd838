"""Reading arrays that finished jobs left: as they were written, and as such a job writes them."""

import io
import zipfile
from typing import Any

import numpy as np
import numpy.typing as npt

from tlbench.engine.store.store import Store
from tlbench.jobs.kind import Layout


def read_arrays(store: Store, key: str, name: str, layout: Layout) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of one file of a finished job.

    Raises
    ------
    DamagedJobError
        If the file is not what the job wrote.
    StoreError
        If it does not hold these arrays, each of its kind and number of axes.
    """
    content = store.read(key, name)
    try:
        return _parsed(content, layout)
    except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise store.senseless(key, name, error) from error


def _parsed(content: bytes, layout: Layout) -> dict[str, npt.NDArray[Any]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if any(each.compress_type != zipfile.ZIP_STORED for each in archive.infolist()):
            # Such a file could become any size when it is read.
            raise ValueError("its arrays are compressed")
        return {name: _array(archive, name, *wanted) for name, wanted in layout.items()}


def _array(archive: zipfile.ZipFile, name: str, kind: str, axes: int) -> npt.NDArray[Any]:
    with archive.open(f"{name}.npy") as file:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError(f"{name} is of another format")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        left = archive.getinfo(f"{name}.npy").file_size - file.tell()
    if dtype.kind != kind or len(shape) != axes:
        raise ValueError(f"{name} holds {len(shape)} axes of {dtype}")
    # Before memory is taken for what the header promises.
    if left != dtype.itemsize * int(np.prod(shape, dtype=object)):
        raise ValueError(f"{name} is cut short")
    with archive.open(f"{name}.npy") as file:
        found: npt.NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return found
