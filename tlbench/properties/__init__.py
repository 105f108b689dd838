"""Physical properties that are computed with a potential: lattices, elastic constants, phonons."""

from collections.abc import Iterable
from importlib.util import find_spec
from typing import Any

from tlbench.base.errors import InputError
from tlbench.base.registry import Registry
from tlbench.properties.spec import Property

__all__ = ["PROPERTIES", "Property", "check_packages"]

PROPERTIES: Registry[Property[Any]] = Registry(
    "property",
    group="tlbench.properties",
    wanted=("a Property", lambda entry: isinstance(entry, Property)),
)
for _name, _entry in {
    "dimer": "dimer:DIMER",
    "elastic": "elastic:ELASTIC",
    "eos": "eos:EOS",
    "lattice": "lattice:LATTICE",
    "phonons": "phonons:PHONONS",
    "surface": "surface:SURFACE",
    "vacancy": "vacancy:VACANCY",
}.items():
    PROPERTIES.register(_name, f"tlbench.properties.{_entry}")


def check_packages(names: Iterable[str]) -> None:
    """Refuse to go on if a package is not installed that some properties need.

    Raises
    ------
    InputError
        Naming the first that is missing, and how to install it.
    """
    for name in names:
        for package in PROPERTIES.get(name).packages:
            if find_spec(package) is None:
                raise InputError(
                    f"The property {name!r} needs the package {package!r}, which is not "
                    "installed; pip install 'tlbench[properties]'."
                )
