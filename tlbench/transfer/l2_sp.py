"""Training that is pulled towards the source model's weights."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tlbench.transfer.strategy import Penalty, Strategy

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Parameter

PULL = 0.1
"""Strength of the pull, with losses in (eV/Å)²; not tuned."""


def pull(parameters: "Sequence[Parameter]", strength: float = PULL) -> Penalty:
    """Return ½ ``strength`` |w − w₀|², of the weights w that start at w₀."""
    from torch.nn.utils import parameters_to_vector

    start = parameters_to_vector(parameters).detach()

    def penalty() -> "Tensor":
        distance = parameters_to_vector(parameters) - start
        return 0.5 * strength * distance.square().sum()

    return penalty


L2_SP = Strategy(
    name="l2-sp",
    summary="from the source model; every weight trains, and is pulled back to where it started",
    literature="Li, Grandvalet & Davoine, ICML 2018, arXiv 1802.01483 (L2-SP)",
    needs_source=True,
    trains=True,
    penalty=pull,
)
