"""Which numbers a file of results may hold: types that leave room for arithmetic.

Ratios, squares, means and logarithms of such numbers are all finite. A force or an energy is a sum
of terms of at least 10⁻³ eV/Å or eV, of which double precision keeps 2⁻⁵³ parts: what remains where
they cancel is 0 or at least 10⁻¹⁹. Times, distances and distributions are coarser by far. Smaller
numbers were not measured, the denormal ones (below 2·10⁻³⁰⁸, whose inverse is infinite) least of
all.
"""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

SMALLEST = 1e-20
"""The smallest magnitude beside 0, in the units of the field (eV, eV/Å, Å, s, ps)."""

LARGEST = 1e12
"""The largest magnitude, in the same units."""


def _measurable(value: float) -> float:
    if 0 < abs(value) < SMALLEST:
        raise ValueError(f"{value!r} is too small to be measured; it should be 0")
    return value


def _measurable_square(value: float) -> float:
    if 0 < value < SMALLEST**2:
        raise ValueError(f"{value!r} is too small to be measured; it should be 0")
    return value


Number = Annotated[float, Field(ge=-1e30, le=1e30), AfterValidator(_measurable)]
"""A number of either sign; the errors of a model that has diverged may be large."""

Signed = Annotated[float, Field(ge=-LARGEST, le=LARGEST), AfterValidator(_measurable)]
Magnitude = Annotated[float, Field(ge=0, le=LARGEST), AfterValidator(_measurable)]
Square = Annotated[float, Field(ge=0, le=LARGEST), AfterValidator(_measurable_square)]
"""A sum of squares of magnitudes."""

Temperature = Annotated[float, Field(gt=0, le=LARGEST), AfterValidator(_measurable)]
Count = Annotated[int, Field(ge=0, le=10**12)]

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 in hex."""
