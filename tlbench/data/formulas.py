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
    ``"Mo3W"``. Elements are in the order of their atomic numbers.

    >>> formulas({"As": np.array([4, 0]), "Ga": np.array([4, 3])}).tolist()
    ['GaAs', 'Ga']
    """
    from ase.data import atomic_numbers

    if not counts:
        return np.empty(0, dtype=np.str_)
    symbols = sorted(counts, key=atomic_numbers.__getitem__)
    table = np.stack([counts[symbol] for symbol in symbols], axis=1)
    rows, which = np.unique(table, axis=0, return_inverse=True)
    lowest = (rows // np.gcd.reduce(rows, axis=1, keepdims=True)).tolist()
    words = [
        "".join(f"{e}{n if n > 1 else ''}" for e, n in zip(symbols, row, strict=True) if n)
        for row in lowest
    ]
    found: npt.NDArray[np.str_] = np.array(words, dtype=np.str_)[which.ravel()]
    return found
