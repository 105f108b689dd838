"""Training on target data from the source model's weights."""

from tlbench.transfer.strategy import Strategy

FINETUNE = Strategy(
    name="finetune",
    summary="every weight starts from the source model, those of each target element from those "
    "of the source element it is mapped to; nothing is frozen",
    literature="Röcken & Zavadlav, arXiv 2502.13522",
    needs_source=True,
    trains=True,
)
