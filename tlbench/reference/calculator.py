"""A reference potential as an ``ase`` calculator."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from ase.calculators.calculator import Calculator, all_changes

from tlbench.base.units import GPA
from tlbench.data.frames import Frames
from tlbench.graphs import Graph, graph_of
from tlbench.reference.stillinger_weber import Labels


class ReferenceCalculator(Calculator):  # type: ignore[misc]  # ase has no types
    """Energy (eV), forces (eV/Å) and, for periodic cells, stress (eV/Å³) of a function of graphs.

    Parameters
    ----------
    potential
        Such as `tlbench.reference.stillinger_weber.StillingerWeber`.
    cutoff
        Interaction range, Å.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "forces", "stress"]

    def __init__(self, potential: Callable[[Graph], Labels], cutoff: float) -> None:
        super().__init__()
        self.potential, self.cutoff = potential, cutoff

    def calculate(
        self,
        atoms: Any = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Compute energy, forces and stress of ``atoms``; see ``ase.calculators.calculator``."""
        super().calculate(atoms, properties, system_changes)
        found = self.potential(graph_of(Frames.unlabelled([self.atoms]), self.cutoff))
        self.results = {"energy": float(found.energy[0]), "forces": found.forces.numpy()}
        if self.atoms.pbc.all():
            voigt = found.stress[0].numpy()
            self.results["stress"] = voigt[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]] / GPA
