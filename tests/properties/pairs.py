"""Pair potentials, which can be broken as one likes."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
from ase.calculators.calculator import Calculator, all_changes

from tlbench.properties.crystals import crystal
from tlbench.properties.spec import Subject


class Pairs(Calculator):  # type: ignore[misc]  # ase has no types
    """A pair potential: ``energy(r)`` and ``force(r)``, eV and eV/Å, within ``cutoff`` Å."""

    implemented_properties: ClassVar[list[str]] = ["energy", "forces", "stress"]

    def __init__(
        self, energy: Callable[[Any], Any], force: Callable[[Any], Any], cutoff: float
    ) -> None:
        super().__init__()
        self.pair, self.repulsion, self.cutoff = energy, force, cutoff

    def calculate(
        self,
        atoms: Any = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        from ase.neighborlist import neighbor_list

        super().calculate(atoms, properties, system_changes)
        i, r, vector = neighbor_list("idD", self.atoms, self.cutoff)
        push = self.repulsion(r)[:, None] * vector / r[:, None]
        forces = np.zeros((len(self.atoms), 3))
        np.add.at(forces, i, -push)
        self.results = {"energy": 0.5 * float(self.pair(r).sum()), "forces": forces}
        if self.atoms.cell.rank == 3:
            virial = -0.5 * vector.T @ push / self.atoms.get_volume()
            self.results["stress"] = virial.ravel()[[0, 4, 8, 5, 2, 1]]


def pair_subject(
    energy: Callable[[Any], Any],
    force: Callable[[Any], Any],
    cutoff: float = 4.0,
    element: str = "Si",
    prototype: str = "diamond",
) -> Subject:
    """Return a pair potential and the crystal of an element."""
    return Subject(
        lambda: Pairs(energy, force, cutoff), crystal(prototype, [element]), prototype, cutoff
    )
