"""What a user names to be simulated: a potential and a structure."""

from dataclasses import dataclass
from pathlib import Path

from ase.data import chemical_symbols

from tlbench.base.errors import InputError
from tlbench.data.frames import Frames
from tlbench.data.origins.base import sha256_of
from tlbench.data.readers.extxyz import images
from tlbench.md.batch import ForceField
from tlbench.models.applicability import check_elements, check_structure, symbols
from tlbench.models.potential import load_potential
from tlbench.models.potential_file import potential_path
from tlbench.reference.stillinger_weber import PARAMETERS, StillingerWeber

XYZ = (".xyz", ".extxyz")
PACKED = (".gz", ".bz2", ".xz")
"""Endings of files that ase would unpack, whatever they become."""

STILLINGER_WEBER = "stillinger-weber:"


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
    if path.suffix.lower() in PACKED:
        raise InputError(f"{path}: is compressed; unpack it first.")
    try:
        # What ase reads by itself, it makes room for first, however much a header announces.
        own = path.suffix.lower() in XYZ
        atoms = next(images(path))[1] if own else read(path, index=0, do_not_split_by_at_sign=True)
        structure = Frames.unlabelled([atoms])
    except InputError:
        raise
    except Exception as error:  # each of ase's readers has its own
        problem = " ".join(str(error).split())[:200] or "no more is known"
        raise InputError(
            f"{path}: ase cannot read a structure from it ({type(error).__name__}: {problem})."
        ) from error
    check_structure(f"{path}:", structure)
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
    if not name or Path(name).exists():
        path = potential_path(name)
        # Of the bytes that are loaded next; a file that is replaced in between would differ.
        digest = sha256_of(path)
        potential = load_potential(path, device)
        notes = check_elements(name, potential, structure.elements())
        return Driver(ForceField.of(potential), digest, notes)
    references = " and ".join(STILLINGER_WEBER + element for element in PARAMETERS)
    element = name.removeprefix(STILLINGER_WEBER)
    if element == name or element not in PARAMETERS:
        raise InputError(
            f"There is no potential file {name!r}; the potentials without a file are {references}."
        )
    strangers = symbols([z for z in structure.elements() if chemical_symbols[z] != element])
    if strangers:
        raise InputError(f"{name} knows {element} only, but the structure contains {strangers}.")
    return Driver(ForceField.of(StillingerWeber(element), device), name, [])
