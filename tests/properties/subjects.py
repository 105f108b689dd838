"""Crystals of Stillinger–Weber silicon and germanium, and potentials broken on purpose."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
from ase.calculators.calculator import Calculator, all_changes

from tlbench.properties.crystals import crystal
from tlbench.properties.spec import Subject
from tlbench.reference.calculator import ReferenceCalculator
from tlbench.reference.stillinger_weber import StillingerWeber


def stillinger_weber(element: str = "Si", prototype: str = "diamond") -> Subject:
    potential = StillingerWeber(element)
    return Subject(
        lambda: ReferenceCalculator(potential, potential.cutoff),
        crystal(prototype, [element]),
        prototype,
        potential.cutoff,
    )


class VolumeEnergy(Calculator):  # type: ignore[misc]  # ase has no types
    """An energy that is a function of the volume per atom alone, and so broken as it likes."""

    implemented_properties: ClassVar[list[str]] = ["energy", "forces", "stress"]

    def __init__(self, energy: Callable[[float], float], slope: Callable[[float], float]) -> None:
        super().__init__()
        self._energy, self._slope = energy, slope

    def calculate(
        self,
        atoms: Any = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        n, volume = len(self.atoms), self.atoms.get_volume()
        pressure = -self._slope(volume / n)
        self.results = {
            "energy": n * self._energy(volume / n),
            "forces": np.zeros((n, 3)),
            "stress": np.array([-pressure] * 3 + [0.0] * 3),
        }


def volume_subject(energy: Callable[[float], float], slope: Callable[[float], float]) -> Subject:
    """Return a silicon crystal whose energy (eV/atom) follows the volume (Å³/atom)."""
    return Subject(lambda: VolumeEnergy(energy, slope), crystal("diamond", ["Si"]), "diamond", 5.0)
