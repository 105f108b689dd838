"""What a metric is, and what it is computed from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FORCE_UNIT = "meV/Å"
"""Unit of every error of forces."""


@dataclass(frozen=True)
class Errors:
    """Prediction minus label, for a set of structures.

    ``energy`` (frames,) eV in total, ``forces`` (atoms, 3) eV/Å, ``n_atoms`` (frames,), ``phase``
    (frames,), "" where unknown, or None if it is of all. ``energy`` is NaN where the potential has
    no reference energy.
    """

    energy: Floats
    forces: Floats
    n_atoms: npt.NDArray[np.int64]
    phase: npt.NDArray[np.str_] | None = None

    def where(self, frames: npt.NDArray[np.bool_]) -> "Errors":
        """Return the errors of the frames where the mask (frames,) is true."""
        atoms = np.repeat(frames, self.n_atoms)
        phase = None if self.phase is None else self.phase[frames]
        return Errors(self.energy[frames], self.forces[atoms], self.n_atoms[frames], phase)


@dataclass(frozen=True)
class FrameErrors:
    """Errors summed over each structure, which is what is published of them.

    All have shape (frames,): ``energy`` eV in total, NaN without a reference energy;
    ``force_abs`` and ``force_square`` sums of absolute and squared errors of force components,
    eV/Å and eV²/Å²; ``n_atoms``; ``phase`` as in `Errors`.
    """

    energy: Floats
    force_abs: Floats
    force_square: Floats
    n_atoms: npt.NDArray[np.int64]
    phase: npt.NDArray[np.str_] | None = None

    @classmethod
    def of(cls, errors: Errors) -> "FrameErrors":
        """Return the sums of ``errors``; no structure is without atoms."""
        starts = np.cumsum(errors.n_atoms) - errors.n_atoms
        forces = errors.forces.astype(np.float64)
        return cls(
            energy=errors.energy,
            force_abs=np.add.reduceat(np.abs(forces).sum(axis=1), starts),
            force_square=np.add.reduceat(np.square(forces).sum(axis=1), starts),
            n_atoms=errors.n_atoms,
            phase=errors.phase,
        )

    def where(self, frames: npt.NDArray[np.int64]) -> "FrameErrors":
        """Return those of the structures of these indices."""
        return FrameErrors(
            self.energy[frames],
            self.force_abs[frames],
            self.force_square[frames],
            self.n_atoms[frames],
            None if self.phase is None else self.phase[frames],
        )


@dataclass(frozen=True)
class MetricSpec:
    """A number that a set of errors, or the simulations of a model, are summarised by.

    Attributes
    ----------
    name, unit
        As they stand in records.
    better
        Which direction is an improvement; "nearer to 0" of values that have a sign.
    summary
        One sentence for listings.
    function
        Maps ``Errors``, or a ``Comparison``, to the value, NaN where it is not defined.
    of
        Which of the two.
    of_frames
        Maps ``FrameErrors`` to the same value, so that others can recompute what is published;
        None if it does not follow from them.
    shares
        Maps ``FrameErrors`` to what each structure adds to the value, shape (frames,), if the value
        is the sum of such parts, as a mean of absolute errors is: then intervals can allow for the
        choice of test structures. Else None.
    always
        Whether every suite with simulations has it, also without naming it; not for plugins.
    mean
        Which mean is taken over models: geometric where values are positive, arithmetic where they
        may be 0 or negative.
    interval
        What the 95 % interval of an arm comes from: values of pairs, the rate of success of
        replicas clustered by model, or the survival curves of models.
    published_precision
        How far a value may differ by the rounding of what is published that it follows from, in its
        unit.
    compared
        Whether two values are compared by their ratio, or by their difference, as rates are,
        which may be 0.
    tolerance
        By how much a value may be worse than an earlier one before that counts: by 10 % if it is
        0.1 and values are compared by ratio, else by so many units.
    """

    name: str
    unit: str
    better: Literal["lower", "higher", "nearer to 0"]
    summary: str
    function: Callable[[Any], float]
    of: Literal["errors", "dynamics"] = "errors"
    of_frames: Callable[[FrameErrors], float] | None = None
    shares: Callable[[FrameErrors], Floats] | None = None
    always: bool = False
    mean: Literal["geometric", "arithmetic"] = "geometric"
    interval: Literal["pairs", "rate", "survival"] = "pairs"
    published_precision: float = 0.0
    compared: Literal["ratio", "difference"] = "ratio"
    tolerance: float = 0.1

    def loss(self, value: float) -> float:
        """Return a number that is larger the worse ``value`` is."""
        return {"lower": value, "higher": -value, "nearer to 0": abs(value)}[self.better]
