"""The packages that distances need and tlbench does without otherwise."""

from importlib.util import find_spec

from tlbench.base.errors import InputError

PACKAGES = {"featomic": "featomic", "ot": "POT", "mendeleev": "mendeleev"}
"""Module → the package's name."""


def check_packages() -> None:
    """Refuse to go on if one of them is not installed.

    Raises
    ------
    InputError
        Naming what is missing and how to install it.
    """
    missing = [name for module, name in PACKAGES.items() if find_spec(module) is None]
    if missing:
        raise InputError(
            f"Distances between data sets need {', '.join(missing)}; "
            "pip install 'tlbench[distances]'."
        )
