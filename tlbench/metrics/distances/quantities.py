"""What is compared, and what a distance is; without torch, which reading results does not need."""

from dataclasses import dataclass
from typing import Literal

from tlbench.base.magnitudes import Magnitude, Signed
from tlbench.base.schema import Strict

Form = Literal["raw", "scaled"]
FORMS: tuple[Form, Form] = ("raw", "scaled")

OF_ENVIRONMENTS = {
    "sliced": "environments, sliced transport",
    "exact": "environments, exact transport",
    "discrepancy": "environments, mean discrepancy",
}
"""Distances of whole environments, without a unit."""


@dataclass(frozen=True)
class Quantity:
    """A number of every atom, pair, angle or structure, in a raw and a scaled form.

    The units are those of its two forms, d being the nearest-neighbour distance.
    """

    name: str
    title: str
    unit: str
    scaled_unit: str


QUANTITIES = (
    Quantity("pair_distance", "pair distances", "Å", "d"),
    Quantity("angle", "angles between bonds", "°", "°"),
    Quantity("coordination", "coordination numbers", "neighbours", "neighbours"),
    Quantity("force", "force magnitudes", "eV/Å", "eV/d"),
    Quantity("energy", "energies per atom", "eV", "eV from the mean"),
)
"""Scaled, lengths are in units of d, forces in eV per d, and energies count from the mean of the
set, because they have no length and their zero differs between elements."""


class SetDistance(Strict):
    """One distance between two sets, its 95 % interval, and its floor within the sets.

    The name is that of a quantity or of a distance of environments.
    """

    name: str
    form: Form
    unit: str
    value: Magnitude
    low: Signed
    high: Signed
    floor: Signed

    @property
    def is_resolved(self) -> bool:
        """Whether the interval lies above the floor."""
        return self.low > self.floor
