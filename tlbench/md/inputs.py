"""What a user names to be simulated: a potential and a structure."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from ase.data import chemical_symbols

from tlbench.backbones.base import MAX_ATOMIC_NUMBER
from tlbench.data.frames import Frames
from tlbench.data.reading import sha256_of
from tlbench.errors import InputError
from tlbench.md.forces import ForceField
from tlbench.potential import Potential, load_potential
from tlbench.reference.stillinger_weber import PARAMETERS, StillingerWeber

STILLINGER_WEBER = "stillinger-weber:"

FAR = 1e6
"""Distance from the origin beyond which atoms are not looked for, Å."""

SMALLEST_ATOM = 0.1
"""Volume of an atom below which there are too many neighbours to be listed, Å³."""

FLAT = 1e-3
"""Extent of a periodic cell below which it is flat, Å."""


@dataclass(frozen=True)
class Driver:
    """What drives the atoms.

    ``identity`` the SHA-256 of the potential's file, or the name of a reference potential;
    ``notes`` what its user should know.
    """

    force_field: ForceField
    identity: str
    notes: list[str]


def read_structure(path: Path) -> tuple[Frames, list[str]]:
    """Read the first frame of any file that ase reads, and what of it is not used.

    Raises
    ------
    InputError
        If it cannot be read, or cannot be simulated.
    """
    from ase.io import read

    if not path.is_file():
        raise InputError(f"There is no structure file {str(path)!r}.")
    try:
        atoms = read(path, index=0, do_not_split_by_at_sign=True)
        structure = Frames.unlabelled([atoms])
    except Exception as error:  # each of ase's readers has its own
        problem = " ".join(str(error).split())[:200] or "no more is known"
        raise InputError(
            f"{path}: ase cannot read a structure from it ({type(error).__name__}: {problem})."
        ) from error
    check_structure(str(path), structure)
    notes = []
    if atoms.constraints:
        notes.append(f"Constraints in {path} are not applied: all atoms move.")
    if atoms.has("momenta"):
        notes.append(f"Velocities in {path} are not used: new ones are drawn at the temperature.")
    return structure, notes


def load_driver(name: str, structure: Frames, device: str) -> Driver:
    """Load the potential called ``name``, if it can drive ``structure``.

    Parameters
    ----------
    name
        A ``.safetensors`` file of tlbench, or ``stillinger-weber:`` and an element.

    Raises
    ------
    InputError
        If there is no such potential, or it does not know an element of the structure.
    """
    path = Path(name)
    if path.is_file():
        # Of the bytes that are loaded next; a file that is replaced in between would differ.
        digest = sha256_of(path)
        potential = load_potential(path, device)
        notes = _check_elements(path, potential, structure)
        return Driver(ForceField.of(potential), digest, notes)
    references = " and ".join(STILLINGER_WEBER + element for element in PARAMETERS)
    element = name.removeprefix(STILLINGER_WEBER)
    if element == name or element not in PARAMETERS:
        raise InputError(
            f"There is no potential file {name!r}; the potentials without a file are {references}."
        )
    strangers = _symbols([z for z in structure.elements() if chemical_symbols[z] != element])
    if strangers:
        raise InputError(f"{name} knows {element} only, but the structure contains {strangers}.")
    return Driver(ForceField.of(StillingerWeber(element)), name, [])


def check_structure(path: str, structure: Frames) -> None:
    """Refuse a structure whose neighbours cannot be listed; ``path`` says where it is, for errors.

    Raises
    ------
    InputError
        If it has no atoms, or they or its cell are not of this world.
    """
    numbers, cell, pbc = structure.atomic_numbers, structure.cell[0], structure.pbc[0]
    if not len(numbers):
        raise InputError(f"{path}: has no atoms.")
    if not ((numbers > 0) & (numbers <= MAX_ATOMIC_NUMBER)).all():
        raise InputError(f"{path}: contains atoms of no element.")
    if not (np.isfinite(structure.positions).all() and np.isfinite(cell).all()):
        raise InputError(f"{path}: its positions or its cell are not finite.")
    if np.linalg.matrix_rank(cell[pbc], tol=FLAT) < pbc.sum():
        raise InputError(
            f"{path}: is periodic, but the vectors of its cell do not span a cell; correct them, "
            "or make the structure not periodic."
        )
    extent = np.abs(structure.positions).max()
    if extent > FAR:
        raise InputError(f"{path}: atoms lie {extent:.2g} Å from the origin; move them there.")
    if pbc.all() and np.abs(np.linalg.det(cell)) < SMALLEST_ATOM * len(numbers):
        raise InputError(
            f"{path}: {len(numbers)} atoms in {np.abs(np.linalg.det(cell)):.2g} Å³ are denser than "
            "any matter; correct the cell."
        )


def _check_elements(path: Path, potential: Potential, structure: Frames) -> list[str]:
    """Refuse elements that the potential has never seen; return what to say about the others.

    An element was trained on if it has a reference energy, and zero-shot transfer was meant if it
    was made equal to one that has.
    """
    elements = structure.elements()
    known = torch.nonzero(potential.reference_energy.isfinite()).flatten().tolist()
    if not known:
        return [
            f"{path} does not say which elements it was trained on; its energies are known up "
            "to a constant only."
        ]
    notes = []
    for element in (z for z in elements if z not in known):
        twin = next((z for z in known if _equal(potential, element, z)), None)
        symbol = chemical_symbols[element]
        if twin is None:
            raise InputError(
                f"{path} has not been trained on {symbol}, which the structure contains; it "
                f"knows {_symbols(known)}."
            )
        notes.append(
            f"{path} has not been trained on {symbol} and takes it for {chemical_symbols[twin]} "
            "(zero-shot); its energies are known up to a constant only."
        )
    return notes


def _equal(potential: Potential, one: int, other: int) -> bool:
    """Say whether the backbone makes no difference between two elements."""
    tensors = potential.backbone.state_dict()
    axes = potential.backbone.element_parameters().items()
    return all(
        torch.equal(tensors[name].select(axis, one), tensors[name].select(axis, other))
        for name, axis in axes
    )


def _symbols(numbers: list[int]) -> str:
    return ", ".join(chemical_symbols[z] for z in numbers)
