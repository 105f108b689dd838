"""What a strategy is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.nn import Parameter

    from tlbench.potential import Potential


def all_parameters(potential: "Potential") -> "list[Parameter]":
    """Return every parameter of the backbone."""
    return list(potential.backbone.parameters())


@dataclass(frozen=True)
class Strategy:
    """One way from a source model and target data to a target model.

    Attributes
    ----------
    name
        Registered name, also the name of the arm in records.
    summary
        One sentence for listings.
    literature
        Where it comes from.
    needs_source
        Whether the target starts from the weights of a source model.
    trains
        Whether it uses target data at all; one that does not has size 0.
    trainable
        Returns the parameters that the optimiser may change.
    """

    name: str
    summary: str
    literature: str
    needs_source: bool
    trains: bool
    trainable: "Callable[[Potential], list[Parameter]]" = all_parameters
