"""What the compositions of structures say of the energies of their elements."""

import numpy as np

from tlbench.data.frames import Floats, Frames


def compositions(frames: Frames) -> Floats:
    """Return the share of each element in each frame, (frames, elements), elements ascending."""
    elements = frames.elements()
    counts = np.zeros((len(frames), len(elements)))
    frame_of_atom = np.repeat(np.arange(len(frames)), frames.n_atoms)
    columns = np.searchsorted(elements, frames.atomic_numbers)
    np.add.at(counts, (frame_of_atom, columns), 1.0)
    return np.asarray(counts / frames.n_atoms[:, None])


def n_undetermined(frames: Frames) -> int:
    """Return how many constant energies of elements the energies of ``frames`` leave undetermined.

    It is the number of elements minus the rank of their compositions: 1 for structures of two
    elements in one ratio, 0 where compositions vary freely.
    """
    shares = compositions(frames)
    # Shares are ratios of small integers, so that what is lost to rounding is far below this.
    rank = int(np.linalg.matrix_rank(shares, tol=1e-8 * len(shares)))
    return int(shares.shape[1]) - rank
