"""Training on target data, with a head of its own for source data that are replayed."""

from copy import deepcopy
from typing import TYPE_CHECKING

from tlbench.models.backbones.base import HEAD
from tlbench.models.parameters import stages_of
from tlbench.transfer.mixed import replayed
from tlbench.transfer.strategy import Strategy

if TYPE_CHECKING:
    from tlbench.models.potential import Potential


def with_own_head(potential: "Potential") -> "Potential":
    """Return a potential that shares all parameters but those of its head, which are copied.

    It has reference energies of its own, those of the source model.
    """
    stages = stages_of(potential.backbone).items()
    shared = {id(p): p for name, parameters in stages for p in parameters if name != HEAD}
    return deepcopy(potential, shared)


MULTIHEAD = Strategy(
    name="multihead",
    summary="from the source model; every weight trains, on batches of which two fifths are "
    "source data, which a second head predicts that is left out afterwards",
    literature="multihead replay: Batatia et al., arXiv 2401.00096, and Batatia et al., "
    "arXiv 2510.25380; both heads start as the source model's",
    needs_source=True,
    trains=True,
    needs_source_data=True,
    smallest_batch=2,
    source_twin=with_own_head,
    batches=replayed,
)
