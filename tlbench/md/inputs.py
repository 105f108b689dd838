"""What is simulated: a structure from a file, and what drives its atoms."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tlbench.base.errors import InputError
from tlbench.data.frames import Frames
from tlbench.data.readers.extxyz import images
from tlbench.md.batch import ForceField
from tlbench.models.applicability import check_structure

XYZ = (".xyz", ".extxyz")
PACKED = (".gz", ".bz2", ".xz")
"""Endings of files that ase would unpack, whatever they become."""

MASS_TOLERANCE = 1e-3
"""Largest relative difference of masses in a file from those of the elements that is rounding."""


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
    from ase.data import atomic_masses
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
    if atoms.has("masses") and not np.allclose(
        atoms.get_masses(), atomic_masses[atoms.numbers], rtol=MASS_TOLERANCE
    ):
        notes.append(f"Masses in {path} are not used: all atoms have those of their elements.")
    if atoms.has("momenta"):
        notes.append(f"Velocities in {path} are not used: new ones are drawn at the temperature.")
    return structure, notes
