"""What is compared, with which settings and packages, and what a distance is; without torch."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt

from tlbench.base.errors import InputError
from tlbench.base.formats import later
from tlbench.base.magnitudes import Magnitude, Signed
from tlbench.base.schema import Strict


class DistanceSettings(Strict):
    """How far structures are looked at, and how many of their atoms and pairs are compared.

    Lengths in Å serve the raw form; the scaled form has each set's nearest-neighbour distance as
    its unit.
    """

    reach: PositiveFloat = Field(default=5.0, le=10, description="pairs and environments, Å")
    bond: PositiveFloat = Field(default=3.4, le=10, description="neighbours and angles, Å")
    scaled_reach: PositiveFloat = Field(
        default=2.0, le=4, description="pairs, in nearest-neighbour distances"
    )
    scaled_bond: PositiveFloat = Field(
        default=1.35, le=4, description="neighbours and angles, in nearest-neighbour distances"
    )
    values: PositiveInt = Field(
        default=10_000, ge=100, le=1_000_000, description="values of a quantity that are compared"
    )
    environments: PositiveInt = Field(
        default=2000, ge=50, le=100_000, description="atoms whose environments are compared"
    )
    exact: PositiveInt = Field(
        default=1000, ge=50, le=4000, description="of them, those that exact transport compares"
    )
    projections: PositiveInt = Field(
        default=50, le=1000, description="directions of sliced transport"
    )
    resamples: PositiveInt = Field(
        default=100, ge=20, le=10_000, description="resamples of the structures, for intervals"
    )
    halves: PositiveInt = Field(
        default=5, le=1000, description="times that a set is cut in halves, for the floor"
    )
    elements: Literal["blind", "aware"] = later(
        "blind",
        description="environments with all atoms alike, or aware of elements; in a transfer every "
        "target element counts as the source element that it starts as",
    )


PACKAGES = {"featomic": "featomic", "ot": "POT"}
"""Module → the package's name."""


def check_packages() -> None:
    """Refuse to go on if one of them is not installed.

    Raises
    ------
    InputError
        Naming what is missing and how to install it.
    """
    missing = [name for module, name in PACKAGES.items() if find_spec(module) is None]
    if missing:
        raise InputError(
            f"Distances between data sets need {', '.join(missing)}; "
            "pip install 'tlbench[distances]'."
        )


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
