"""The source model applied to the target elements without any target data."""

from tlbench.transfer.strategy import Strategy

ZERO_SHOT = Strategy(
    name="zero-shot",
    summary="the source model as it is, with each target element treated as the source element it "
    "is mapped to",
    literature="the level that a source model reaches on its own",
    needs_source=True,
    trains=False,
)
