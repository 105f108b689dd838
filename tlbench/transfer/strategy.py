"""What a strategy is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.nn import Parameter

    from tlbench.potential import Potential

COPY_SOURCE = "copy-source"


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that are trained together, and their learning rate over that of the training."""

    parameters: "list[Parameter]"
    rate: float = 1.0


def everything(potential: "Potential") -> list[ParameterGroup]:
    """Return every parameter of the backbone, at the full learning rate."""
    return [ParameterGroup(list(potential.backbone.parameters()))]


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
    trained
        Returns the parameters that the optimiser may change; all others keep their values.
    pull
        Strength of the pull towards the values at the start: the gradient of a parameter w that
        started at w₀ gets pull · (w - w₀) added.
    replay
        Share of the structures of each batch that are source data.
    element_init
        What the target element starts from; a name in `INITIALISATIONS`.
    trains_elements
        Whether what the network holds of elements is among the trained parameters.
    """

    name: str
    summary: str
    literature: str
    needs_source: bool
    trains: bool
    trained: "Callable[[Potential], list[ParameterGroup]]" = everything
    pull: float = 0.0
    replay: float = 0.0
    element_init: str = COPY_SOURCE
    trains_elements: bool = True
