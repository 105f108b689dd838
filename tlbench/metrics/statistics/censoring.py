"""Numbers of which only a bound may be known."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from typing import Literal

Censoring = Literal["", ">", "<"]
"""Whether a number is known, or known only to be above or below the value given."""

_ROUNDING = {"": ROUND_HALF_EVEN, ">": ROUND_FLOOR, "<": ROUND_CEILING}


def two_figures(value: float, censored: Censoring = "") -> str:
    """Return ``value`` with two significant figures and its sign of censoring, as ``> 4.9``.

    A bound is rounded so that it still holds.
    """
    # Twelve figures first: 0.1 + 0.2 is not above 0.3.
    rounded = Context(prec=2, rounding=_ROUNDING[censored]).create_decimal(f"{value:.12g}")
    last_digit = Decimal(1).scaleb(rounded.adjusted() - 1)
    return f"{censored} {rounded.quantize(last_digit):f}".strip()


@dataclass(frozen=True)
class Bound:
    """One end of an interval: ``value``, or what is known to lie above or below it."""

    value: float
    censored: Censoring = ""

    def text(self) -> str:
        """Return the bound with two significant figures, as ``> 4.9``."""
        return two_figures(self.value, self.censored)


@dataclass(frozen=True)
class BoundInterval:
    """A 95 % interval whose ends may lie outside the measured range."""

    low: Bound
    high: Bound

    def text(self) -> str:
        """Return both ends, as ``2.3 to > 4.9``, or the one that they share."""
        if self.low == self.high:
            return self.low.text()
        return f"{self.low.text()} to {self.high.text()}"
