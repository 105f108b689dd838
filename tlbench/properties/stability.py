r"""Whether values that were computed of a crystal can be those of a stable one.

A relaxation ends where forces and stress vanish, which may be a saddle point, and defects may be
what a crystal gains energy by. What is computed of it are then numbers, but not those of a crystal
that exists: their distance from a reference is not an error that has a size. The criteria are

- for **elastic constants** those of Born, that any small strain takes energy. In cubic crystals

  .. math::

      C_{11} − C_{12} > 0, \quad C_{11} + 2 C_{12} > 0, \quad C_{44} > 0,

  and in hexagonal ones

  .. math::

      C_{11} > |C_{12}|, \quad C_{33} (C_{11} + C_{12}) > 2 C_{13}^2, \quad C_{44} > 0

  (Mouhat & Coudert, *Phys. Rev. B* 90, 224104, 2014). One that is violated, with the atoms relaxed
  or clamped, concerns all constants of the crystal;
- for the energies of **vacancies** and **surfaces** that they are not negative, each by itself.

They are applied to what was computed, not by what computes it.
"""

from collections.abc import Iterable, Iterator, Mapping

from tlbench.metrics.conditions import ConditionKey
from tlbench.properties.spec import Value

ELASTIC = {"elastic_constant": "", "clamped_elastic_constant": "clamped "}
"""Quantities whose components Born's criteria are about, and what they are called beside one."""

ENERGIES = {"vacancy_formation_energy": "eV", "surface_energy": "J/m²"}
"""Quantities that are not negative in a stable crystal, and their units."""

UNSTABLE = "the crystal is unstable"


def instabilities(values: Iterable[Value]) -> dict[tuple[str, ConditionKey], str]:
    """Return why values are those of an unstable crystal, in words, by quantity and condition.

    Parameters
    ----------
    values
        Of one property of one crystal. What failed, or is not among them, violates nothing.

    Examples
    --------
    >>> found = {"C11": 130.0, "C12": 50.0, "C44": -3.0}
    >>> values = [
    ...     Value(quantity="elastic_constant", condition={"component": name}, value=value)
    ...     for name, value in found.items()
    ... ]
    >>> set(instabilities(values).values())
    {'C44 = -3 GPa, the crystal is unstable'}
    """
    known = [(each, each.value) for each in values if each.value is not None]
    found = {
        each.place: f"the energy is {value:.3g} {ENERGIES[each.quantity]}, {UNSTABLE}"
        for each, value in known
        if each.quantity in ENERGIES and value < 0
    }
    for quantity, called in ELASTIC.items():
        constants = {
            str(each.condition.get("component")): value
            for each, value in known
            if each.quantity == quantity
        }
        violated = [f"{name} = {value:.3g}" for name, value in _born(constants) if not value > 0]
        if violated:
            reason = f"{called}{' and '.join(violated)} GPa, {UNSTABLE}"
            return found | {each.place: reason for each, _ in known if each.quantity in ELASTIC}
    return found


def _born(constants: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    """Yield what is positive in a stable crystal, GPa, by name; nothing if a constant is missing.

    Parameters
    ----------
    constants
        Component → GPa: C11, C12, C44, and in hexagonal crystals also C13 and C33.
    """
    if not {"C11", "C12", "C44"} <= constants.keys():
        return
    c11, c12, c44 = (constants[name] for name in ("C11", "C12", "C44"))
    yield "C11 - C12", c11 - c12
    if "C33" not in constants:
        yield "C11 + 2 C12", c11 + 2 * c12
    elif "C13" in constants:
        yield "C11 + C12", c11 + c12
        if c11 + c12 > 0:
            yield (
                "C33 - 2 C13²/(C11 + C12)",
                constants["C33"] - 2 * constants["C13"] ** 2 / (c11 + c12),
            )
    yield "C44", c44
