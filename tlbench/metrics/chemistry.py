"""How much two elements are alike, by their place in the periodic table and their atoms."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any


def _difference(attribute: str) -> Callable[[Any, Any], float]:
    return lambda a, b: abs(float(getattr(a, attribute)) - float(getattr(b, attribute)))


DIFFERENCES: dict[str, Callable[[Any, Any], float]] = {
    "group": _difference("group_id"),
    "period": _difference("period"),
    "covalent radius": _difference("covalent_radius_pyykko"),
    "electronegativity": _difference("en_pauling"),
    "valence electrons": lambda a, b: abs(float(a.nvalence() - b.nvalence())),
}
"""Name → difference of two elements: 0 for the same, never negative.

Radii are those of Pyykkö & Atsumi (2009), electronegativities Pauling's, as the library mendeleev
has them."""


def differences(a: str, b: str) -> dict[str, float]:
    """Return all differences of two elements, by name.

    One that is not known of either, as the electronegativity of a noble gas, is left out.
    """
    found = {}
    for name, difference in DIFFERENCES.items():
        try:
            found[name] = difference(_element(a), _element(b))
        except TypeError:
            continue
    return found


@lru_cache
def _element(symbol: str) -> Any:
    from mendeleev import element

    return element(symbol)
