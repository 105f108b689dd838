"""Smooth descriptors of atoms' environments, blind to elements or aware: SOAP power spectra.

Bartók, Kondor & Csányi, *Phys. Rev. B* 87, 184115 (2013), by the library featomic. Vectors have
unit length, so that the Euclidean distance of two is √(2 - 2k), k being their SOAP kernel:
0 for environments that are the same, rotated or not, and at most √2.

Blind descriptors take all atoms to be alike. Aware ones have a density of each species (De et al.,
*Phys. Chem. Chem. Phys.* 18, 13754 (2016), without similarity of different species), that
of the atom itself included. Elements of different data sets are compared by counting them as the
same species.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from ase.data import chemical_symbols

from tlbench.data.frames import Floats, Frames, Ints

NEAREST = 2.4
"""Nearest-neighbour distance that scaled structures have, Å: about that of silicon."""

CUTOFF = 5.0
"""Reach of an environment, Å; in scaled structures 2.08 nearest-neighbour distances."""

SMEARING = 0.4
"""Width of the Gaussian that stands for a neighbour, Å."""

MAX_ANGULAR, MAX_RADIAL = 4, 5
"""Highest degree of the spherical harmonics, and highest number of the radial functions."""


def environments(
    frames: Frames,
    nearest: float | None = None,
    species: Sequence[str] | None = None,
    counts_as: Mapping[str, str] | None = None,
) -> Floats:
    """Return the descriptor of every atom, (n_atoms, features).

    Parameters
    ----------
    nearest
        Nearest-neighbour distance, Å, that structures are scaled by; None leaves them as they
        are.
    species
        What is distinguished; None for all atoms alike. Descriptors are comparable if they are of
        the same species.
    counts_as
        Symbol of an element → its species; others are their own.

    Raises
    ------
    ValueError
        If an element counts as none of the species.
    """
    calculator = _calculator()
    scale = 1.0 if nearest is None else NEAREST / nearest
    if species is None:
        alike = np.ones(len(frames.atomic_numbers), dtype=np.int64)
        found = calculator.compute(_atoms(frames, alike, scale))
        found = found.keys_to_samples("center_type")
        found = found.keys_to_properties(["neighbor_1_type", "neighbor_2_type"])
        values: Floats = np.asarray(found.block().values, dtype=np.float64)
    else:
        numbers = _species(frames, species, counts_as or {})
        found = calculator.compute(_atoms(frames, numbers, scale))
        values = _by_pair(found, frames, len(species))
    length = np.linalg.norm(values, axis=1, keepdims=True)
    # An atom without neighbours has its own Gaussian alone, never nothing.
    unit: Floats = values / length
    return unit


def _calculator() -> Any:
    from featomic import SoapPowerSpectrum

    return SoapPowerSpectrum(
        cutoff={"radius": CUTOFF, "smoothing": {"type": "ShiftedCosine", "width": 0.5}},
        density={"type": "Gaussian", "width": SMEARING},
        basis={
            "type": "TensorProduct",
            "max_angular": MAX_ANGULAR,
            "radial": {"type": "Gto", "max_radial": MAX_RADIAL},
        },
    )


def _species(frames: Frames, species: Sequence[str], counts_as: Mapping[str, str]) -> Ints:
    """Return the place of the species of each atom, (n_atoms,), the first being 1."""
    elements = {chemical_symbols[z]: z for z in frames.elements()}
    strangers = sorted({counts_as.get(symbol, symbol) for symbol in elements} - set(species))
    if strangers:
        raise ValueError(f"{', '.join(strangers)} is none of the species {', '.join(species)}")
    found = np.zeros_like(frames.atomic_numbers)
    for symbol, z in elements.items():
        found[frames.atomic_numbers == z] = species.index(counts_as.get(symbol, symbol)) + 1
    return found


def _by_pair(spectrum: Any, frames: Frames, n_species: int) -> Floats:
    """Return power spectra side by side, of every pair of species, also of those that no atom sees.

    Those of two different species have the factor √2 already that stands for both orders.
    """
    pairs = combinations_with_replacement(range(1, n_species + 1), 2)
    place = {pair: number for number, pair in enumerate(pairs)}
    n_features = len(spectrum.block(0).properties)
    found = np.zeros((len(frames.atomic_numbers), len(place), n_features))
    for key, block in spectrum.items():
        _, a, b = (int(kind) for kind in key.values)
        structure, atom = np.asarray(block.samples.values).T
        found[frames.atom_start[structure] + atom, place[a, b]] = block.values
    return found.reshape(len(found), -1)


def _atoms(frames: Frames, numbers: Ints, scale: float) -> list[Any]:
    """Return the structures with other atomic numbers (n_atoms,), all lengths scaled."""
    from ase import Atoms

    ends = np.cumsum(frames.n_atoms)
    return [
        Atoms(
            numbers=numbers[end - n : end],
            positions=scale * frames.positions[end - n : end],
            cell=scale * frames.cell[index],
            pbc=frames.pbc[index],
        )
        for index, (end, n) in enumerate(zip(ends, frames.n_atoms, strict=True))
    ]
