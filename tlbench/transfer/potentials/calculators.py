"""Any potential that a user can name, as calculators of ase."""

import importlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ase.data import atomic_numbers

from tlbench.base.errors import InputError
from tlbench.transfer.potentials.named import file_named, reference_named

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
    reference = reference_named(name, elements)
    if reference is not None:
        from tlbench.reference.calculator import ReferenceCalculator

        reach = reference.cutoff
        return NamedPotential(lambda: ReferenceCalculator(reference, reach), reach, [])
    if ":" in name and not Path(name).exists():
        return _calculator(name, cutoff)
    return _network(name, elements)


def _network(name: str, elements: Sequence[str]) -> NamedPotential:
    import torch

    from tlbench.models.applicability import check_elements
    from tlbench.models.potential import load_potential

    potential = load_potential(file_named(name, "An ase calculator is named as module:object."))
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
