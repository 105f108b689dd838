"""Any potential that a user can name, as calculators of ase."""

import importlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ase.data import atomic_numbers

from tlbench.base.errors import InputError
from tlbench.base.registry import near_names
from tlbench.reference.stillinger_weber import PARAMETERS, StillingerWeber
from tlbench.transfer.potentials import POTENTIALS

if TYPE_CHECKING:
    from tlbench.models.potential import Potential

STILLINGER_WEBER = "stillinger-weber:"

USUAL_CUTOFF = 6.0
"""Interaction range of a calculator that does not say its own, Å."""


@dataclass(frozen=True)
class NamedPotential:
    """A potential as calculators of ase.

    Attributes
    ----------
    calculator
        Returns a calculator.
    cutoff
        Interaction range, Å.
    notes
        What its user should know.
    """

    calculator: Callable[[], Any]
    cutoff: float
    notes: list[str]


def load_named(name: str, elements: Sequence[str], cutoff: float | None = None) -> NamedPotential:
    """Load the potential called ``name``.

    Networks compute in double precision, as in the jobs of suites.

    Parameters
    ----------
    name
        A ``.safetensors`` file of tlbench, ``stillinger-weber:`` and an element, the name of a
        published potential, or ``module:object`` of a calculator, or of what returns one when it
        is called without arguments.
    elements
        Symbols that it has to know.
    cutoff
        Interaction range of a calculator that does not say its own, Å.

    Raises
    ------
    TlbenchError
        If there is no such potential, or it does not know an element.
    """
    if name.startswith(STILLINGER_WEBER):
        return _stillinger_weber(name, elements)
    if Path(name).exists() or name.endswith(".safetensors"):
        from tlbench.models.potential import load_potential

        return _network(name, load_potential(name), elements)
    if ":" in name:
        return _calculator(name, cutoff)
    if name in POTENTIALS:
        return _network(name, POTENTIALS.get(name).load(), elements)
    others = [*POTENTIALS.names(), *(STILLINGER_WEBER + element for element in PARAMETERS)]
    raise InputError(
        f"There is no potential {name!r}, neither a file nor one of a name; "
        f"{near_names(name, others)} An ase calculator is named as module:object."
    )


def _stillinger_weber(name: str, elements: Sequence[str]) -> NamedPotential:
    from tlbench.reference.calculator import ReferenceCalculator

    potential = StillingerWeber(element := name.removeprefix(STILLINGER_WEBER))
    strangers = [each for each in elements if each != element]
    if strangers:
        raise InputError(f"{name} knows {element} only, and not {', '.join(strangers)}.")
    cutoff = potential.cutoff
    return NamedPotential(lambda: ReferenceCalculator(potential, cutoff), cutoff, [])


def _network(name: str, potential: "Potential", elements: Sequence[str]) -> NamedPotential:
    import torch

    from tlbench.models.applicability import check_elements

    notes = check_elements(name, potential, [atomic_numbers[each] for each in elements])
    potential = potential.to(torch.float64)
    return NamedPotential(potential.calculator, potential.cutoff, notes)


def _calculator(name: str, cutoff: float | None) -> NamedPotential:
    from ase.calculators.abc import GetPropertiesMixin
    from ase.calculators.calculator import BaseCalculator

    module, _, attribute = name.partition(":")
    if "" not in sys.path:
        # As python -m does: modules of the folder that the user is in.
        sys.path.insert(0, "")
    try:
        found = getattr(importlib.import_module(module), attribute)
        made = found() if callable(found) else found
    except Exception as error:  # whatever third-party code may raise
        raise InputError(
            f"The calculator {name} cannot be made ({type(error).__name__}: {error}); name a "
            "calculator of ase, or what returns one without arguments, as module:object."
        ) from error
    if not isinstance(made, BaseCalculator | GetPropertiesMixin):
        raise InputError(f"{name} is not a calculator of ase, but of type {type(made).__name__}.")
    own = getattr(made, "cutoff", None)
    reach = cutoff or (own if isinstance(own, int | float) else USUAL_CUTOFF)
    notes = []
    if cutoff is None and reach != own:
        notes.append(f"{name} does not say how far it reaches; {reach:g} Å is taken (--cutoff).")
    return NamedPotential(found if callable(found) else lambda: found, float(reach), notes)
