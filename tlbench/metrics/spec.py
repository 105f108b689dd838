"""What a metric is, and what it is computed from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Errors:
    """Prediction minus label, for a set of structures.

    ``energy`` (frames,) eV in total, ``forces`` (atoms, 3) eV/Å, ``n_atoms`` (frames,).
    ``energy`` is NaN where the potential has no reference energy.
    """

    energy: Floats
    forces: Floats
    n_atoms: npt.NDArray[np.int64]

    def where(self, frames: npt.NDArray[np.bool_]) -> "Errors":
        """Return the errors of the frames where the mask (frames,) is true."""
        atoms = np.repeat(frames, self.n_atoms)
        return Errors(self.energy[frames], self.forces[atoms], self.n_atoms[frames])


@dataclass(frozen=True)
class MetricSpec:
    """A number that a set of errors, or the simulations of a model, are summarised by.

    Attributes
    ----------
    name, unit
        As they stand in records.
    better
        Which direction is an improvement.
    summary
        One sentence for listings.
    function
        Maps ``Errors``, or a ``Comparison``, to the value, NaN where it is not defined.
    of
        Which of the two.
    """

    name: str
    unit: str
    better: Literal["lower", "higher"]
    summary: str
    function: Callable[[Any], float]
    of: Literal["errors", "dynamics"] = "errors"
