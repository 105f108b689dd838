"""Training a part of the source model only."""

from typing import TYPE_CHECKING

from tlbench.models.backbones.base import EMBEDDING, HEAD
from tlbench.models.parameters import stages_of
from tlbench.transfer.strategy import ParameterGroup, Strategy

if TYPE_CHECKING:
    from tlbench.models.potential import Potential

LITERATURE = "Yosinski et al., NeurIPS 2014, arXiv 1411.1792"


def all_but_embedding(potential: "Potential") -> list[ParameterGroup]:
    """Return the interactions and the head."""
    stages = stages_of(potential.backbone)
    return [ParameterGroup([p for s, some in stages.items() if s != EMBEDDING for p in some])]


def all_but_interactions(potential: "Potential") -> list[ParameterGroup]:
    """Return the embedding and the head."""
    stages = stages_of(potential.backbone)
    return [ParameterGroup([*stages[EMBEDDING], *stages[HEAD]])]


def head(potential: "Potential") -> list[ParameterGroup]:
    """Return the head."""
    return [ParameterGroup(stages_of(potential.backbone)[HEAD])]


FREEZE_EMBEDDING = Strategy(
    name="freeze-embedding",
    summary="from the source model; the embedding keeps its weights, interactions and head train",
    literature=LITERATURE,
    needs_source=True,
    trains=True,
    trained=all_but_embedding,
    trains_elements=False,
)
FREEZE_INTERACTIONS = Strategy(
    name="freeze-interactions",
    summary="from the source model; interactions keep their weights, embedding and head train",
    literature=LITERATURE,
    needs_source=True,
    trains=True,
    trained=all_but_interactions,
)
HEAD_ONLY = Strategy(
    name="head-only",
    summary="from the source model; nothing but the head, which reads energies, trains",
    literature=LITERATURE,
    needs_source=True,
    trains=True,
    trained=head,
    trains_elements=False,
)
