"""Which structures an update sees: a pure function of its number, so no checkpoint holds it."""

import torch
from torch import Tensor

from tlbench.base.seeds import stream


class BatchOrder:
    """Batches cut from one shuffled pass over the data after another.

    All batches are full and every structure is used equally often; a batch may straddle two
    passes. With fewer structures than ``batch_size``, a batch is all of them.
    """

    def __init__(self, n_frames: int, batch_size: int, seed: int) -> None:
        self.n_frames = n_frames
        self.batch_size = min(batch_size, n_frames)
        self._seed = seed
        self._passes: dict[int, Tensor] = {}

    def batch(self, update: int) -> Tensor:
        """Return the indices of the structures of update number ``update``, (batch_size,)."""
        first = update * self.batch_size
        last = first + self.batch_size
        needed = range(first // self.n_frames, (last - 1) // self.n_frames + 1)
        kept = self._passes
        self._passes = {n: kept[n] if n in kept else self._shuffled(n) for n in needed}
        return torch.cat(
            [
                self._passes[n][max(first - n * self.n_frames, 0) : last - n * self.n_frames]
                for n in needed
            ]
        )

    def _shuffled(self, number: int) -> Tensor:
        generator = torch.Generator().manual_seed(stream("pass", self._seed, number))
        return torch.randperm(self.n_frames, generator=generator)
