"""Convert weights of another program to a potential: run in a process of its own.

``python -m tlbench.transfer.potentials.conversion published NAME FILE`` writes a published
potential, ``… FORMAT CHECKPOINT FILE TRAINED_ON`` a checkpoint.
"""

import io
import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tlbench.base.errors import InputError, TlbenchError
from tlbench.models.backbones.base import MAX_ATOMIC_NUMBER
from tlbench.models.potential import Potential, at_most, build_potential
from tlbench.transfer.potentials import POTENTIALS
from tlbench.transfer.potentials.checkpoints import (
    FORMATS,
    LARGEST_BYTES,
    REFUSED,
    CheckpointFormat,
    check_package,
)

PUBLISHED = "published"

_ARRAYS: list[Any] = [
    # What makes an array of a pickle, under the name that it had in numpy 1.
    (np.zeros(1).__reduce__()[0], "numpy.core.multiarray._reconstruct"),
    np.ndarray,
    np.dtype,
    *(type(np.dtype(name)) for name in ("float32", "float64", "int64")),
]
"""What a checkpoint may have beside tensors and plain Python: arrays of numbers."""

_BYTES_OF_NUMBER = 4


def convert(name: str, target: Path) -> None:
    """Write the published potential called ``name`` to a safetensors file.

    Nothing in the checkpoint is run: what is not a tensor, a number or text is refused.

    Raises
    ------
    TlbenchError
        If the package is missing, or has other weights.
    """
    published = POTENTIALS.get(name)
    checkpoint = _load_data(io.BytesIO(published.checkpoint()))
    torch.manual_seed(0)
    potential = build_potential(published.backbone, published.config.model_dump())
    with torch.no_grad():
        published.fill(potential, checkpoint)
    potential.save(target)


def convert_checkpoint(name: str, path: Path, target: Path, trained_on: str | None) -> None:
    """Write the potential of a checkpoint of the format ``name`` to a safetensors file.

    Raises
    ------
    InputError
        If it is not such a checkpoint, or its architecture is not one of ours.
    """
    form = FORMATS.get(name)
    check_package(form)
    checkpoint = _load(form, path)
    not_one = f"{path}: is not a checkpoint of {form.program}"
    try:
        config = form.architecture(checkpoint)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{not_one}: it lacks what states an architecture ({error}).") from error
    potential = _built(form, config, path)
    try:
        with torch.no_grad():
            form.fill(potential, checkpoint)
    except (KeyError, IndexError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{not_one} that can be converted: its weights do not fit the architecture that it "
            f"states ({reason})."
        ) from error
    if form.check is not None:
        try:
            form.check(potential, checkpoint)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
    potential.trained_on = trained_on
    try:
        potential.save(target)
    except OSError as error:
        raise InputError(f"{target}: cannot be written ({error.strerror}).") from error


def _load(form: CheckpointFormat, path: Path) -> Any:
    """Read a checkpoint; of a format that runs no code, as tensors, numbers and text alone."""
    _check_size(path)
    refused = f"{path}: cannot be read as a checkpoint of {form.program}: it is of another program"
    try:
        if not form.runs_code:
            return _load_data(path)
        return torch.load(path, map_location="cpu", weights_only=False)
    except pickle.UnpicklingError as error:
        what = "" if form.runs_code else ", or has more than tensors, numbers and text"
        raise InputError(f"{refused} or damaged{what}.") from error
    except Exception as error:  # whatever the code of a file, or a damaged one, may raise
        # What fails without code of the file is how it is laid out, which says nothing to anybody.
        reason = next(iter(str(error).splitlines()), type(error).__name__)[:200]
        reason = f" ({reason.rstrip('.')})" if form.runs_code else ""
        raise InputError(f"{refused} or damaged{reason}.") from error


def _load_data(file: Path | io.BytesIO) -> Any:
    with torch.serialization.safe_globals(_ARRAYS):
        return torch.load(file, map_location="cpu", weights_only=True)


def _check_size(path: Path) -> None:
    """Refuse an archive that would become too large when it is unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(each.file_size for each in archive.infolist())
    except (zipfile.BadZipFile, OSError):
        return
    if size > LARGEST_BYTES:
        raise InputError(
            f"{path}: has more than {LARGEST_BYTES >> 30} GiB when it is unpacked, which no "
            "checkpoint of a potential should have."
        )


def _built(form: CheckpointFormat, config: Any, path: Path) -> Potential:
    """Return a new potential, unless it would have far more weights than the file."""
    torch.manual_seed(0)
    # Ours has rows of all elements, and the file perhaps those of one.
    numbers = (MAX_ATOMIC_NUMBER + 1) * path.stat().st_size // _BYTES_OF_NUMBER
    try:
        with at_most(numbers):
            return build_potential(form.backbone, config.model_dump())
    except InputError as error:
        raise InputError(
            f"{path}: the architecture that it states is far larger than its weights."
        ) from error


def main(arguments: list[str]) -> None:
    """Convert what the command line names."""
    first, name, target, *rest = arguments
    if first == PUBLISHED:
        convert(name, Path(target))
    else:
        convert_checkpoint(first, Path(name), Path(target), "".join(rest) or None)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except TlbenchError as refusal:
        sys.stderr.write(f"\n{' '.join(str(refusal).split())}")
        sys.exit(REFUSED)
