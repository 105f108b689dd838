"""Training on target data with source data replayed beside them."""

from tlbench.transfer.strategy import Strategy

REPLAY = 0.4
"""Share of a batch that is source data: two structures of five."""

MIXED = Strategy(
    name="mixed",
    summary="from the source model; every weight trains, on batches of which two fifths are "
    "source data",
    literature="Rolnick et al., NeurIPS 2019, arXiv 1811.11682 (experience replay)",
    needs_source=True,
    trains=True,
    replay=REPLAY,
)
