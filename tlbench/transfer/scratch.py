"""Training on target data alone."""

from tlbench.transfer.strategy import Strategy

SCRATCH = Strategy(
    name="scratch",
    summary="random weights, all of them trained on the target data",
    literature="the baseline of every transfer study",
    needs_source=False,
    trains=True,
)
