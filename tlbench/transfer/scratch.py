"""Training on target data alone."""

from tlbench.transfer.strategy import Strategy

SCRATCH = Strategy(
    name="scratch",
    summary="random weights, all of them trained on the target data",
    literature="the baseline of every transfer study",
    needs_source=False,
    trains=True,
)

SCRATCH_LONG = Strategy(
    name="scratch-long",
    summary="as scratch, for as many updates as pretraining and fine-tuning have together",
    literature="the baseline of equal compute: He et al., ICCV 2019, arXiv 1811.08883",
    needs_source=False,
    trains=True,
    compute_matched=True,
)
