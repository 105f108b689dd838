"""How much two elements are alike, by their place in the periodic table and their atoms."""

from collections.abc import Callable
from functools import cache
from typing import Any


def _difference(attribute: str) -> Callable[[Any, Any], float]:
    return lambda a, b: abs(float(getattr(a, attribute)) - float(getattr(b, attribute)))


DIFFERENCES: dict[str, Callable[[Any, Any], float]] = {
    "group": _difference("group_id"),
    "period": _difference("period"),
    "covalent radius": _difference("covalent_radius_pyykko"),
    "electronegativity": _difference("en_pauling"),
    "valence electrons": lambda a, b: abs(float(_n_valence(a) - _n_valence(b))),
}
"""Name → difference of two elements: 0 for the same, never negative.

Radii are those of Pyykkö & Atsumi (2009), electronegativities Pauling's, as the library mendeleev
has them."""


def differences(a: str, b: str) -> dict[str, float]:
    """Return all differences of two elements, by name.

    One that is not known of either, as the electronegativity of a noble gas, is left out.
    """
    elements = _elements()
    found = {}
    for name, difference in DIFFERENCES.items():
        try:
            found[name] = difference(elements[a], elements[b])
        except TypeError:
            continue
    return found


@cache
def _elements() -> dict[str, Any]:
    """Return the row of each element, by its symbol.

    The library's own object of an element takes 0.3 s, because it holds all isotopes as well.
    """
    from mendeleev.fetch import fetch_table

    table = fetch_table("elements")
    known = table.astype(object).where(table.notna(), None)
    return {row.symbol: row for row in known.itertuples()}


def _n_valence(row: Any) -> int:
    from mendeleev.econf import ElectronicConfiguration

    found: int = ElectronicConfiguration(row.electronic_configuration).nvalence(
        row.block, row.period
    )
    return found
