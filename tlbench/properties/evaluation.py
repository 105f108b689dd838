"""Energies, forces and stresses that may not be finite, and values that may be failures."""

from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from tlbench.base.errors import NotFiniteError
from tlbench.properties.spec import Condition, Value

if TYPE_CHECKING:
    from ase import Atoms

Floats = npt.NDArray[np.float64]


def finite(atoms: "Atoms", name: Literal["energy", "forces", "stress"]) -> Floats | None:
    """Return what the calculator of ``atoms`` gives in ase's units, None if it is not finite."""
    from ase.calculators.calculator import CalculationFailed

    try:
        found = np.asarray(atoms.calc.get_property(name, atoms), dtype=np.float64)
    except (NotFiniteError, CalculationFailed):
        return None
    return found if np.isfinite(found).all() else None


def value_of(quantity: str, found: float | str, condition: Condition | None = None) -> Value:
    """Return a value of a quantity, which is a failure if ``found`` is text."""
    if isinstance(found, str):
        return Value(quantity=quantity, condition=condition or {}, failure=found)
    return Value(quantity=quantity, condition=condition or {}, value=float(found))
