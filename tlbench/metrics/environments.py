"""Smooth, element-blind descriptors of atoms' environments: normalised SOAP power spectra.

Bartók, Kondor & Csányi, *Phys. Rev. B* 87, 184115 (2013), by the library featomic. Vectors have
unit length, so that the Euclidean distance of two is √(2 - 2k), k being their SOAP kernel:
0 for environments that are the same, rotated or not, and at most √2.
"""

from typing import Any

import numpy as np

from tlbench.data.frames import Floats, Frames

NEAREST = 2.4
"""Nearest-neighbour distance that scaled structures have, Å: about that of silicon."""

CUTOFF = 5.0
"""Reach of an environment, Å; in scaled structures 2.08 nearest-neighbour distances."""

SMEARING = 0.4
"""Width of the Gaussian that stands for a neighbour, Å."""

MAX_ANGULAR, MAX_RADIAL = 4, 5
"""Highest degree of the spherical harmonics, and highest number of the radial functions."""


def environments(frames: Frames, nearest: float | None = None) -> Floats:
    """Return the descriptor of every atom, (n_atoms, features), whatever its element.

    Parameters
    ----------
    nearest
        Nearest-neighbour distance, Å, that structures are scaled by; None leaves them as they
        are.
    """
    calculator = _calculator()
    scale = 1.0 if nearest is None else NEAREST / nearest
    found = calculator.compute(_blind(frames, scale))
    found = found.keys_to_samples("center_type")
    found = found.keys_to_properties(["neighbor_1_type", "neighbor_2_type"])
    values: Floats = np.asarray(found.block().values, dtype=np.float64)
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


def _blind(frames: Frames, scale: float) -> list[Any]:
    """Return the structures with all atoms alike."""
    from ase import Atoms

    ends = np.cumsum(frames.n_atoms)
    return [
        Atoms(
            numbers=np.ones(n, dtype=int),
            positions=scale * frames.positions[end - n : end],
            cell=scale * frames.cell[index],
            pbc=frames.pbc[index],
        )
        for index, (end, n) in enumerate(zip(ends, frames.n_atoms, strict=True))
    ]
