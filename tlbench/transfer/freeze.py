"""Training a part of the source model only."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tlbench.models.backbones.base import EMBEDDING, HEAD
from tlbench.models.parameters import stages_of
from tlbench.transfer.strategy import ParameterGroup, Strategy

if TYPE_CHECKING:
    from tlbench.models.potential import Potential

LITERATURE = "Yosinski et al., NeurIPS 2014, arXiv 1411.1792"


def stages_that(train: Callable[[str], bool]) -> "Callable[[Potential], list[ParameterGroup]]":
    """Return what trains the stages whose names are accepted, at the full learning rate."""

    def trained(potential: "Potential") -> list[ParameterGroup]:
        stages = stages_of(potential.backbone).items()
        return [ParameterGroup([p for name, some in stages if train(name) for p in some])]

    return trained


FREEZE_EMBEDDING = Strategy(
    name="freeze-embedding",
    summary="from the source model; the embedding keeps its weights, interactions and head train",
    literature=LITERATURE,
    needs_source=True,
    trains=True,
    trained=stages_that(lambda stage: stage != EMBEDDING),
    trains_elements=False,
)
FREEZE_INTERACTIONS = Strategy(
    name="freeze-interactions",
    summary="from the source model; interactions keep their weights, embedding and head train",
    literature=LITERATURE,
    needs_source=True,
    trains=True,
    trained=stages_that(lambda stage: stage in (EMBEDDING, HEAD)),
)
HEAD_ONLY = Strategy(
    name="head-only",
    summary="from the source model; nothing but the head, which reads energies, trains",
    literature=LITERATURE,
    needs_source=True,
    trains=True,
    trained=stages_that(lambda stage: stage == HEAD),
    trains_elements=False,
)
