"""Which structures an update sees, and how far it steps: pure functions of the update's number.

Being pure, they need no state in a checkpoint.
"""

import torch
from torch import Tensor

from tlbench.errors import InputError
from tlbench.seeds import stream


def learning_rate(update: int, updates: int, initial: float, final_fraction: float) -> float:
    """Return the learning rate of update 0 … ``updates`` − 1, decaying exponentially.

    It is ``initial`` at the first update and ``final_fraction`` of it at the last.
    """
    progress = update / max(updates - 1, 1)
    return float(initial * final_fraction**progress)


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
        """Return the indices of the structures of update number ``update``."""
        first = update * self.batch_size
        places = torch.arange(first, first + self.batch_size)
        numbers = places // self.n_frames
        needed = sorted({int(n) for n in numbers})
        kept = self._passes
        self._passes = {n: kept[n] if n in kept else self._shuffled(n) for n in needed}
        return torch.cat(
            [self._passes[n][places[numbers == n] - n * self.n_frames] for n in needed]
        )

    def _shuffled(self, number: int) -> Tensor:
        generator = torch.Generator().manual_seed(stream("pass", self._seed, number))
        return torch.randperm(self.n_frames, generator=generator)


class ReplayOrder:
    """Batches of two data sets, one after the other in one: new structures and replayed ones.

    A batch has ``batch_size`` structures, of which about the share ``replay``, but at least one,
    are replayed; with few new structures it is smaller, and the share the same.

    Raises
    ------
    InputError
        If a batch has no room for both kinds.
    """

    def __init__(
        self, n_frames: int, n_replayed: int, batch_size: int, replay: float, seed: int
    ) -> None:
        if batch_size < 2:
            raise InputError(
                "A batch of one structure has no room for replayed ones; set batch_size to 2 or "
                "more, or choose a strategy without replay."
            )
        new = min(batch_size - max(round(replay * batch_size), 1), n_frames)
        replayed = min(max(round(new * replay / (1 - replay)), 1), n_replayed)
        self._offset = n_frames
        self._new = BatchOrder(n_frames, new, seed)
        self._replayed = BatchOrder(n_replayed, replayed, stream("replay", seed))

    def batch(self, update: int) -> Tensor:
        """Return the indices of the structures of update number ``update``."""
        replayed = self._replayed.batch(update) + self._offset
        return torch.cat([self._new.batch(update), replayed])
