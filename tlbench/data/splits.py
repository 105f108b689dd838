"""Which training structures a model of size N sees."""

import numpy as np
import numpy.typing as npt

from tlbench.errors import InputError
from tlbench.seeds import stream


def nested_subset(n_frames: int, size: int, subset_seed: int) -> npt.NDArray[np.int64]:
    """Return the indices of ``size`` structures drawn from ``n_frames``.

    Subsets of one seed are nested: the first ten of a set of forty are the set of ten. Every
    arm and backbone with the same seed sees the same structures.

    Raises
    ------
    InputError
        If ``size`` is not between 1 and ``n_frames``.
    """
    if not 1 <= size <= n_frames:
        raise InputError(
            f"A subset of {size} structures cannot be drawn from {n_frames}; "
            f"choose a size from 1 to {n_frames}."
        )
    generator = np.random.Generator(np.random.PCG64(stream("subset", subset_seed)))
    return generator.permutation(n_frames)[:size].astype(np.int64)
