"""What a metric is, and what it is computed from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tlbench.metrics.conditions import ELEMENT, Condition

Floats = npt.NDArray[np.float64]

FORCE_UNIT = "meV/Å"
"""Unit of every error of forces."""

ENERGY_UNIT = "meV/atom"
"""Unit of every error of energies."""


STRESS_COMPONENTS = np.triu_indices(3)
"""Places of the six independent components of a symmetric tensor."""


@dataclass(frozen=True)
class Errors:
    """Prediction minus label, for a set of structures.

    ``energy`` (frames,) eV in total, ``forces`` (atoms, 3) eV/Å, ``n_atoms`` (frames,), ``phase``
    (frames,), "" where unknown, or None if it is of all. ``energy`` is NaN where the potential has
    no reference energy. ``stress`` (frames, 3, 3) GPa, NaN where no label is known, and
    ``elements`` (atoms,), symbols; each None where no metric needs it.
    """

    energy: Floats
    forces: Floats
    n_atoms: npt.NDArray[np.int64]
    phase: npt.NDArray[np.str_] | None = None
    stress: Floats | None = None
    elements: npt.NDArray[np.str_] | None = None

    def where(self, frames: npt.NDArray[np.bool_]) -> "Errors":
        """Return the errors of the frames where the mask (frames,) is true."""
        atoms = np.repeat(frames, self.n_atoms)
        return Errors(
            self.energy[frames],
            self.forces[atoms],
            self.n_atoms[frames],
            None if self.phase is None else self.phase[frames],
            None if self.stress is None else self.stress[frames],
            None if self.elements is None else self.elements[atoms],
        )

    def of_element(self, symbol: str) -> "Errors":
        """Return the errors of the atoms of one element; structures as such have none.

        ``n_atoms`` are those of the element, also 0.

        Raises
        ------
        ValueError
            If the elements of the atoms are not known.
        """
        if self.elements is None:
            raise ValueError("the elements of the atoms are not known")
        atoms = self.elements == symbol
        frame = np.repeat(np.arange(len(self.n_atoms)), self.n_atoms)
        return Errors(
            np.full(len(self.n_atoms), np.nan),
            self.forces[atoms],
            np.bincount(frame[atoms], minlength=len(self.n_atoms)),
            self.phase,
            elements=self.elements[atoms],
        )


@dataclass(frozen=True)
class FrameErrors:
    """Errors summed over each structure, which is what is published of them.

    All have shape (frames,): ``energy`` eV in total, NaN without a reference energy;
    ``force_abs`` and ``force_square`` sums of absolute and squared errors of force components,
    eV/Å and eV²/Å²; ``n_atoms``; ``phase`` as in `Errors`; ``stress_abs`` sums of absolute errors
    of the six independent components of the stress, GPa, NaN where no label is known, or None.
    ``by_element`` has the same sums over the atoms of each element; empty where no metric needs
    them.
    """

    energy: Floats
    force_abs: Floats
    force_square: Floats
    n_atoms: npt.NDArray[np.int64]
    phase: npt.NDArray[np.str_] | None = None
    stress_abs: Floats | None = None
    by_element: Mapping[str, "FrameErrors"] = field(default_factory=dict)

    @classmethod
    def of(cls, errors: Errors) -> "FrameErrors":
        """Return the sums of ``errors``."""
        frame = np.repeat(np.arange(len(errors.n_atoms)), errors.n_atoms)
        forces = errors.forces.astype(np.float64)
        stress, elements = errors.stress, errors.elements

        def sums(values: Floats) -> Floats:
            n_frames = len(errors.n_atoms)
            return np.bincount(frame, values.sum(axis=1), n_frames).astype(np.float64)

        found = cls(
            energy=errors.energy,
            force_abs=sums(np.abs(forces)),
            force_square=sums(np.square(forces)),
            n_atoms=errors.n_atoms,
            phase=errors.phase,
            stress_abs=None
            if stress is None
            else np.abs(stress[:, *STRESS_COMPONENTS]).sum(axis=1, dtype=np.float64),
        )
        if elements is None:
            return found
        # The elements of what is of one element are not asked for again.
        parts = {
            symbol: cls.of(replace(errors.of_element(symbol), elements=None))
            for symbol in np.unique(elements).tolist()
        }
        return replace(found, by_element=parts)

    def where(self, frames: npt.NDArray[np.int64]) -> "FrameErrors":
        """Return those of the structures of these indices."""
        return FrameErrors(
            self.energy[frames],
            self.force_abs[frames],
            self.force_square[frames],
            self.n_atoms[frames],
            None if self.phase is None else self.phase[frames],
            None if self.stress_abs is None else self.stress_abs[frames],
            {symbol: each.where(frames) for symbol, each in self.by_element.items()},
        )

    def of_element(self, symbol: str) -> "FrameErrors":
        """Return the sums over the atoms of one element.

        Raises
        ------
        ValueError
            If they are not known.
        """
        if symbol not in self.by_element:
            raise ValueError(f"the errors of the atoms of {symbol} are not known")
        return self.by_element[symbol]


@dataclass(frozen=True)
class MetricSpec:
    """A number that a set of errors, simulations or a property of a model are summarised by.

    Attributes
    ----------
    name, unit
        As they stand in records.
    better
        Which direction is an improvement; "nearer to 0" of values that have a sign.
    summary
        One sentence for listings.
    function
        Maps ``Errors``, or a ``Comparison``, to the value, NaN where it is not defined. Of
        properties it maps what `tlbench.properties.metrics` gives it.
    of
        Which of them.
    of_frames
        Maps ``FrameErrors`` to the same value, so that others can recompute what is published;
        None if it does not follow from them.
    shares
        Maps ``FrameErrors`` to what each structure adds to the value, shape (frames,), if the value
        is the sum of such parts, as a mean of absolute errors is: then intervals can allow for the
        choice of test structures. NaN of structures without a label. Else None.
    of_atoms
        Whether it is over atoms, so that it can be taken over those of one element.
    of_stress
        Whether it needs errors of the stress, which are computed only for such metrics.
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
    decimals
        Decimals of values in tables.
    tolerance
        By how much a value may be worse than an earlier one before that counts: by 10 % if it is
        0.1 and values are compared by ratio, else by so many units.
    """

    name: str
    unit: str
    better: Literal["lower", "higher", "nearer to 0"]
    summary: str
    function: Callable[[Any], float]
    of: Literal["errors", "dynamics", "properties"] = "errors"
    of_frames: Callable[[FrameErrors], float] | None = None
    shares: Callable[[FrameErrors], Floats] | None = None
    of_atoms: bool = False
    of_stress: bool = False
    always: bool = False
    mean: Literal["geometric", "arithmetic"] = "geometric"
    interval: Literal["pairs", "rate", "survival"] = "pairs"
    published_precision: float = 0.0
    compared: Literal["ratio", "difference"] = "ratio"
    decimals: int = 1
    tolerance: float = 0.1

    def is_under(self, condition: Condition) -> bool:
        """Return whether the metric has a value under a condition: of one element, if of atoms."""
        return self.of_atoms or ELEMENT not in condition

    def text(self, value: float) -> str:
        """Return a value as tables have it."""
        return f"{value:.{self.decimals}f}"

    def loss(self, value: float) -> float:
        """Return a number that is larger the worse ``value`` is."""
        return {"lower": value, "higher": -value, "nearer to 0": abs(value)}[self.better]
