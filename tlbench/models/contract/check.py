"""The contract as a table of properties, and measured one by one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from tlbench.models.backbones import BackboneConfig
from tlbench.models.contract import bookkeeping, derivatives, invariances
from tlbench.models.contract.clause import CLAUSES, Property
from tlbench.models.contract.prediction import random_potential

PROPERTIES = tuple(
    each
    for module in (invariances, derivatives, bookkeeping)
    for each in CLAUSES
    if each.measure.__module__ == module.__name__
)
"""All clauses, those of physics first."""


PRECISIONS = (torch.float64, torch.float32)


@dataclass(frozen=True)
class MeasuredProperty:
    """One property of a backbone in one precision.

    ``deviation`` is None if it could not be measured, because of ``error``. ``violation`` says how
    the architecture breaks the property, if its configuration states that it does.
    """

    clause: Property
    precision: Any
    deviation: float | None
    error: str = ""
    violation: str = ""

    @property
    def tolerance(self) -> float:
        """The largest deviation that rounding explains."""
        return self.clause.tolerance(self.precision) or 0.0

    @property
    def holds(self) -> bool:
        """Whether the backbone has the property; NaN says no."""
        return self.deviation is not None and self.deviation <= self.tolerance

    @property
    def text(self) -> str:
        """The deviation beside what is allowed, for a table."""
        if self.deviation is None:
            return "error"
        return f"{self.deviation:.2g} {'≤' if self.holds else '>'} {self.tolerance:g}"

    @property
    def sentence(self) -> str:
        """What is wrong."""
        precision = str(self.precision).removeprefix("torch.")
        start = f"{self.clause.name} ({precision}): a backbone {self.clause.description}; "
        if self.deviation is None:
            return f"{start}this one stops with {self.error}."
        return (
            f"{start}this one deviates by {self.deviation:.3g}, where {self.tolerance:.3g} is "
            "allowed."
        )


def measure(config: BackboneConfig, device: str = "cpu") -> Iterator[MeasuredProperty]:
    """Yield all that can be measured of the backbone of ``config`` with random weights."""
    violations = config.violations()
    for clause in PROPERTIES:
        stated = violations.get(clause.name, "")
        for precision in PRECISIONS:
            if clause.tolerance(precision) is None:
                continue
            try:
                potential = random_potential(config, precision).to(device)
                deviation = clause.measure(potential)
                found = MeasuredProperty(clause, precision, deviation, violation=stated)
            except Exception as error:  # whatever third-party code may raise
                said = " ".join(str(error).split())[:200]
                found = MeasuredProperty(clause, precision, None, f"{type(error).__name__}: {said}")
            yield found
