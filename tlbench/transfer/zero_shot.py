"""The source model applied to the target element without any target data."""

from tlbench.transfer.strategy import Strategy

ZERO_SHOT = Strategy(
    name="zero-shot",
    summary="the source model as it is, with the target element treated as the source element",
    literature="the level that a source model reaches on its own",
    needs_source=True,
    trains=False,
)
