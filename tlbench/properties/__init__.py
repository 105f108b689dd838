"""Physical properties that are computed with a potential: lattices, elastic constants, phonons."""

from typing import Any

from tlbench.base.registry import Registry
from tlbench.properties.spec import Property

__all__ = ["PROPERTIES", "Property"]

PROPERTIES: Registry[Property[Any]] = Registry(
    "property",
    group="tlbench.properties",
    wanted=("a Property", lambda entry: isinstance(entry, Property)),
)
for _name in ("dimer", "surface", "vacancy"):
    PROPERTIES.register(_name, f"tlbench.properties.{_name}:{_name.upper()}")
