"""Convert the weights of a published potential: run in a process of its own.

``python -m tlbench.transfer.potentials.conversion NAME FILE``
"""

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tlbench.base.errors import TlbenchError
from tlbench.models.potential import build_potential
from tlbench.transfer.potentials import POTENTIALS
from tlbench.transfer.potentials.published import REFUSED

_ARRAYS: list[Any] = [
    # What makes an array of a pickle, under the name that it had in numpy 1.
    (np.zeros(1).__reduce__()[0], "numpy.core.multiarray._reconstruct"),
    np.ndarray,
    np.dtype,
    *(type(np.dtype(name)) for name in ("float32", "float64", "int64")),
]
"""What a checkpoint may have beside tensors and plain Python: arrays of numbers."""


def convert(name: str, target: Path) -> None:
    """Write the published potential called ``name`` to a safetensors file.

    Nothing in the checkpoint is run: what is not a tensor, a number or text is refused.

    Raises
    ------
    TlbenchError
        If the package is missing, or has other weights.
    """
    published = POTENTIALS.get(name)
    content = published.checkpoint()
    with torch.serialization.safe_globals(_ARRAYS):
        checkpoint = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    torch.manual_seed(0)
    potential = build_potential(published.backbone, published.config.model_dump())
    with torch.no_grad():
        published.fill(potential, checkpoint)
    potential.save(target)


if __name__ == "__main__":
    try:
        convert(sys.argv[1], Path(sys.argv[2]))
    except TlbenchError as error:
        sys.stderr.write(str(error))
        sys.exit(REFUSED)
