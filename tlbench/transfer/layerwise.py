"""Slower training of what lies further from the output."""

from typing import TYPE_CHECKING

from tlbench.models.parameters import stages_of
from tlbench.transfer.strategy import ParameterGroup, Strategy

if TYPE_CHECKING:
    from tlbench.models.potential import Potential

DECAY = 2.6
"""Learning rate of a stage over that of the one before it; Howard & Ruder's value."""


def slower_inwards(potential: "Potential") -> list[ParameterGroup]:
    """Return the stages, the head at the full learning rate and each before it 2.6 times slower."""
    stages = list(stages_of(potential.backbone).values())
    rates = [DECAY**-n for n in range(len(stages))]
    return [ParameterGroup(p, rate) for p, rate in zip(reversed(stages), rates, strict=True)]


LAYERWISE_LR = Strategy(
    name="layerwise-lr",
    summary="from the source model; the learning rate falls by 2.6 from stage to stage, from the "
    "head to the embedding",
    literature="Howard & Ruder, ACL 2018, arXiv 1801.06146 (discriminative fine-tuning)",
    needs_source=True,
    trains=True,
    trained=slower_inwards,
)
