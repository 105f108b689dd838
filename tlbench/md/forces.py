"""What drives a simulation: any function of graphs that returns energies and forces."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from tlbench.graphs import Graph
from tlbench.models.potential import Potential
from tlbench.reference.stillinger_weber import StillingerWeber


class EnergyAndForces(Protocol):
    """``energy`` (n_systems,) eV and ``forces`` (n_atoms, 3) eV/Å."""

    @property
    def energy(self) -> Tensor:
        """Energies."""

    @property
    def forces(self) -> Tensor:
        """Forces."""


@dataclass(frozen=True)
class ForceField:
    """A potential as dynamics needs it.

    Attributes
    ----------
    evaluate
        Maps a graph, whose edges are those within the cutoff, to energies and forces.
    cutoff
        Å.
    at_once
        Structures that are evaluated together. On a CPU as many as there can be without their
        results depending on each other; on other devices all, None.
    """

    evaluate: Callable[[Graph], EnergyAndForces]
    cutoff: float
    at_once: int | None = None

    @classmethod
    def of(cls, potential: Potential | StillingerWeber) -> "ForceField":
        """Return the force field of a potential.

        Dynamics needs no reference energy: where a model has none, zero stands in for it.
        """
        if isinstance(potential, StillingerWeber):
            return cls(potential, potential.cutoff)

        def evaluate(graph: Graph) -> EnergyAndForces:
            there = graph.to(potential.device, potential.dtype)
            return potential(there, unfitted=0.0)  # type: ignore[no-any-return]

        at_once = None
        if potential.device.type == "cpu":
            # More at once no longer fit the cache of a processor.
            at_once = 8 if potential.backbone.same_in_batches else 1
        return cls(evaluate, potential.cutoff, at_once)
