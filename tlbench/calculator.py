"""A potential as an ``ase`` calculator."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from ase.calculators.calculator import Calculator, all_changes

from tlbench.data.frames import Frames
from tlbench.graphs import graph_of
from tlbench.potential import Potential
from tlbench.units import GPA


class PotentialCalculator(Calculator):  # type: ignore[misc]  # ase has no types
    """Energy (eV), forces (eV/Å) and, for periodic cells, stress (eV/Å³) of a potential."""

    implemented_properties: ClassVar[list[str]] = ["energy", "forces", "stress"]

    def __init__(self, potential: Potential) -> None:
        super().__init__()
        self.potential = potential

    def calculate(
        self,
        atoms: Any = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Compute the properties of ``atoms``; see ``ase.calculators.calculator``."""
        super().calculate(atoms, properties, system_changes)
        potential = self.potential
        graph = graph_of(
            Frames.unlabelled([self.atoms]), potential.cutoff, potential.device, potential.dtype
        )
        # Few ask for the stress, and it costs time.
        periodic = bool((graph.volume > 0).all())
        found = potential(graph, stress=periodic and "stress" in properties)
        self.results = {
            "energy": float(found.energy[0]),
            "forces": found.forces.to(torch.float64).cpu().numpy(),
        }
        if found.stress is not None:
            voigt = found.stress[0].to(torch.float64).cpu().numpy()
            self.results["stress"] = voigt[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]] / GPA
