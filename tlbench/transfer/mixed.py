"""Training on target data with source data replayed beside them."""

import torch
from torch import Tensor

from tlbench.base.errors import InputError
from tlbench.base.seeds import stream
from tlbench.transfer.batches import BatchOrder
from tlbench.transfer.strategy import Batches, Strategy

REPLAY = 0.4
"""Share of a batch that is source data: two structures of five."""


def replayed(n_target: int, n_source: int, batch_size: int, seed: int) -> Batches:
    """Return batches of new structures, and of replayed ones behind them.

    A batch has ``batch_size`` structures, of which about the share `REPLAY`, but at least one,
    are replayed; with few new structures it is smaller, and the share the same.

    Raises
    ------
    InputError
        If a batch has no room for both kinds.
    """
    if batch_size < 2:
        raise InputError(
            "A batch of one structure has no room for replayed ones; set batch_size to 2 or "
            "more, or choose a strategy without replay."
        )
    n_new = min(batch_size - max(round(REPLAY * batch_size), 1), n_target)
    n_old = min(max(round(n_new * REPLAY / (1 - REPLAY)), 1), n_source)
    new = BatchOrder(n_target, n_new, seed)
    old = BatchOrder(n_source, n_old, stream("replay", seed))

    def batch(update: int) -> Tensor:
        return torch.cat([new.batch(update), old.batch(update) + n_target])

    return batch


MIXED = Strategy(
    name="mixed",
    summary="from the source model; every weight trains, on batches of which two fifths are "
    "source data",
    literature="Rolnick et al., NeurIPS 2019, arXiv 1811.11682 (experience replay)",
    needs_source=True,
    trains=True,
    needs_source_data=True,
    smallest_batch=2,
    batches=replayed,
)
