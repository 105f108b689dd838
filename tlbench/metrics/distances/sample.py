"""Values that are compared, and the structures that they come from."""

from dataclasses import dataclass

import numpy as np

from tlbench.base.seeds import stream
from tlbench.data.frames import Floats, Ints


@dataclass(frozen=True)
class Sample:
    """Values, or vectors, of the atoms or pairs of a set of structures.

    ``values`` (n,) or (n, features); ``frame`` (n,) the structure that each comes from, one of
    ``n_frames``.
    """

    values: Floats
    frame: Ints
    n_frames: int

    def __len__(self) -> int:
        return len(self.values)

    @property
    def n_present(self) -> int:
        """Number of structures that have values."""
        return len(np.unique(self.frame))

    def thinned(self, most: int) -> "Sample":
        """Return at most so many of the values, drawn evenly and always the same ones."""
        if len(self) <= most:
            return self
        generator = np.random.Generator(np.random.PCG64(stream("thinned", len(self), most)))
        kept = np.sort(generator.choice(len(self), most, replace=False))
        return Sample(self.values[kept], self.frame[kept], self.n_frames)

    def weights(self, frames: Floats) -> Floats:
        """Return the weight of each value if each structure has that of ``frames`` (n_frames,)."""
        found: Floats = frames[self.frame]
        return normalised(found)

    def ones(self) -> Floats:
        """Return the weights of structures that count the same."""
        return np.ones(self.n_frames)


def normalised(weights: Floats) -> Floats:
    """Return weights that add up to 1."""
    found: Floats = weights / weights.sum()
    return found
