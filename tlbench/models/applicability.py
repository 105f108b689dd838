"""Which structures a potential can be applied to."""

from collections.abc import Iterable

import numpy as np
import torch
from ase.data import chemical_symbols

from tlbench.base.errors import InputError
from tlbench.data.frames import Frames
from tlbench.models.backbones.base import MAX_ATOMIC_NUMBER
from tlbench.models.potential import Potential

FAR = 1e6
"""Distance from the origin beyond which atoms are not looked for, Å."""

SMALLEST_ATOM = 0.1
"""Volume of an atom below which there are too many neighbours to be listed, Å³."""

FLAT = 1e-3
"""Extent of a periodic cell below which it is flat, Å."""


def check_structure(subject: str, structure: Frames) -> None:
    """Refuse a structure whose neighbours cannot be listed.

    Parameters
    ----------
    subject
        What the structure is called, at the beginning of a sentence: "The structure", or "PATH:".

    Raises
    ------
    InputError
        If it has no atoms, or they or its cell are outside physical bounds.
    """
    numbers, cell, pbc = structure.atomic_numbers, structure.cell[0], structure.pbc[0]
    if not len(numbers):
        raise InputError(f"{subject} has no atoms.")
    unknown = numbers[(numbers < 1) | (numbers > MAX_ATOMIC_NUMBER)]
    if len(unknown):
        raise InputError(
            f"{subject} has atoms of atomic number {unknown[0]}; it should be from 1 to "
            f"{MAX_ATOMIC_NUMBER}."
        )
    if not (np.isfinite(structure.positions).all() and np.isfinite(cell).all()):
        raise InputError(f"{subject} has positions or a cell that are not finite.")
    if np.abs(cell).max() > FAR:
        raise InputError(
            f"{subject} has a cell vector of {np.abs(cell).max():.2g} Å; correct the cell."
        )
    if np.linalg.matrix_rank(cell[pbc], tol=FLAT) < pbc.sum():
        raise InputError(
            f"{subject} is periodic, but the vectors of its cell do not span a cell; correct them, "
            "or make the structure not periodic."
        )
    extent = np.abs(structure.positions).max()
    if extent > FAR:
        raise InputError(f"{subject} has atoms {extent:.2g} Å from the origin; move it there.")
    if pbc.all() and np.abs(np.linalg.det(cell)) < SMALLEST_ATOM * len(numbers):
        raise InputError(
            f"{subject} is denser than any matter, with {len(numbers)} atoms in "
            f"{np.abs(np.linalg.det(cell)):.2g} Å³; correct the cell."
        )


def check_elements(name: str, potential: Potential, elements: Iterable[int]) -> list[str]:
    """Refuse elements that the potential has never seen; return what to say about the others.

    An element was trained on if it has a reference energy, and zero-shot transfer was meant if it
    was made equal to one that has.

    Parameters
    ----------
    name
        What the potential is called, at the beginning of a sentence.
    elements
        Atomic numbers.

    Raises
    ------
    InputError
        Naming the first of them that it does not know, and those that it does.
    """
    known = torch.nonzero(potential.reference_energy.isfinite()).flatten().tolist()
    if not known:
        return [
            f"{name} does not say which elements it was trained on; its energies are known up "
            "to a constant only."
        ]
    notes = []
    for element in (z for z in elements if z not in known):
        twin = next((z for z in known if _equal(potential, element, z)), None)
        symbol = chemical_symbols[element]
        if twin is None:
            raise InputError(
                f"{name} has not been trained on {symbol}, which the structure contains; it "
                f"knows {symbols(known)}."
            )
        notes.append(
            f"{name} has not been trained on {symbol} and takes it for {chemical_symbols[twin]} "
            "(zero-shot); its energies are known up to a constant only."
        )
    return notes


def symbols(numbers: Iterable[int]) -> str:
    """Return the symbols of elements, for a sentence."""
    return ", ".join(chemical_symbols[z] for z in numbers)


def _equal(potential: Potential, one: int, other: int) -> bool:
    """Return whether the backbone makes no difference between two elements."""
    tensors = potential.backbone.state_dict()
    axes = potential.backbone.element_parameters().items()
    return all(
        torch.equal(tensors[name].select(axis, one), tensors[name].select(axis, other))
        for name, axis in axes
    )
