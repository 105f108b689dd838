"""What a clause of the contract of backbones is."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from tlbench.models.potential import Potential

Measure = Callable[[Potential], float]


@dataclass(frozen=True)
class Property:
    """One clause of the contract and the means to see by how much a backbone breaks it.

    Attributes
    ----------
    name
        A word or two for listings.
    description
        What must hold, as a sentence about the backbone.
    measure
        Returns the deviation of a potential, a number without unit that its docstring explains;
        NaN is a violation too.
    tolerance_float64, tolerance_float32
        Largest deviation that rounding explains in each precision; None where the property
        cannot be measured in that precision.
    """

    name: str
    description: str
    measure: Measure
    tolerance_float64: float
    tolerance_float32: float | None

    def tolerance(self, dtype: torch.dtype) -> float | None:
        """Return the tolerance for weights of ``dtype``, float64 or float32."""
        return self.tolerance_float64 if dtype == torch.float64 else self.tolerance_float32


CLAUSES: list[Property] = []


def clause(
    description: str, float64: float = 0.0, float32: float | None = 0.0, name: str = ""
) -> Callable[[Measure], Measure]:
    """Let a function measure a clause, which is called like it; see `Property`."""

    def add(measure: Measure) -> Measure:
        said = name or measure.__name__.replace("_", " ")
        CLAUSES.append(Property(said, description, measure, float64, float32))
        return measure

    return add
