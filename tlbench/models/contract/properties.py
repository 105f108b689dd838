"""The contract of a backbone as a table of measurable properties."""

from tlbench.models.contract import bookkeeping, derivatives, invariances
from tlbench.models.contract.clause import CLAUSES, Property

__all__ = ["PROPERTIES", "Property"]

PROPERTIES = tuple(
    each
    for module in (invariances, derivatives, bookkeeping)
    for each in CLAUSES
    if each.measure.__module__ == module.__name__
)
"""All clauses, those of physics first."""
