"""Which elements structures are made of: atoms of each element, and formulas."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Counts = Mapping[str, npt.NDArray[np.int64]]
"""Symbol of an element → atoms of it in each structure, shape (frames,)."""


def count_elements(atomic_numbers: npt.NDArray[np.int64], n_atoms: npt.NDArray[np.int64]) -> Counts:
    """Return the number of atoms of each element in each structure, by atomic number ascending.

    Parameters
    ----------
    atomic_numbers
        Of the atoms of all structures, one structure after the other, shape (atoms,).
    n_atoms
        Atoms in each structure, shape (frames,).
    """
    from ase.data import chemical_symbols

    frame = np.repeat(np.arange(len(n_atoms)), n_atoms)
    return {
        chemical_symbols[number]: np.bincount(
            frame[atomic_numbers == number], minlength=len(n_atoms)
        ).astype(np.int64)
        for number in np.unique(atomic_numbers)
    }


def formulas(counts: Counts) -> npt.NDArray[np.str_]:
    """Return the composition of each structure as its empirical formula, shape (frames,).

    Structures of one composition share it, whatever their size: Mo₁₂W₄ and Mo₃W are both
    ``"Mo3W"``. Metals come first, otherwise the order is alphabetical, as in
    ``atoms.get_chemical_formula("metal", empirical=True)`` of ase.

    >>> formulas({"As": np.array([4, 0]), "Ga": np.array([4, 3])}).tolist()
    ['GaAs', 'Ga']
    """
    from ase.formula import Formula

    if not counts:
        return np.empty(0, dtype=np.str_)
    rows, which = np.unique(np.stack(list(counts.values()), axis=1), axis=0, return_inverse=True)
    words = [
        Formula.from_dict(dict(zip(counts, row, strict=True))).reduce()[0].format("metal")
        for row in rows.tolist()
    ]
    found: npt.NDArray[np.str_] = np.array(words, dtype=np.str_)[which.ravel()]
    return found
