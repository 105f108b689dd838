"""Potentials by the names that commands take: files, published potentials and references."""

from collections.abc import Sequence
from pathlib import Path

from tlbench.base.errors import InputError
from tlbench.base.registry import near_names
from tlbench.models.potential_file import potential_path
from tlbench.reference.stillinger_weber import PARAMETERS, StillingerWeber
from tlbench.transfer.potentials import POTENTIALS

STILLINGER_WEBER = "stillinger-weber:"
_FILES = ".safetensors"


def reference_named(name: str, elements: Sequence[str]) -> StillingerWeber | None:
    """Return the reference potential called ``name``, None if it is not the name of one.

    Raises
    ------
    InputError
        If there are no parameters of its element, or ``elements`` are not this element alone.
    """
    if not name.startswith(STILLINGER_WEBER):
        return None
    potential = StillingerWeber(element := name.removeprefix(STILLINGER_WEBER))
    strangers = [each for each in elements if each != element]
    if strangers:
        raise InputError(f"{name} knows {element} only, and not {', '.join(strangers)}.")
    return potential


def file_named(name: str, otherwise: str = "") -> Path:
    """Return the file of the potential called ``name``: of a path, or of a published potential.

    Parameters
    ----------
    otherwise
        A sentence on what else a name may be.

    Raises
    ------
    TlbenchError
        If there is no such potential, or its package is missing.
    """
    if not name or Path(name).exists() or name.endswith(_FILES):
        return potential_path(name)
    if name in POTENTIALS:
        return POTENTIALS.get(name).path()
    others = [*POTENTIALS.names(), *(STILLINGER_WEBER + element for element in PARAMETERS)]
    near = near_names(name, others)
    near += "" if near.endswith("?") else "."
    said = f"There is no potential {name!r}, neither a file nor a name; {near} {otherwise}"
    raise InputError(said.rstrip())
