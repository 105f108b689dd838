"""How far the structure of a simulation is from that of a reference.

Both errors are shares: 0 for the same structure, 1 for one without any (an ideal gas, bonds in
random directions). They may exceed 1.
"""

from collections.abc import Iterable, Mapping
from itertools import combinations_with_replacement

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import ArrayLike

from tlbench.metrics.spec import Floats

REACH = 6.0
"""Distance up to which pairs are counted, Å."""

RISE = 0.01
"""Value of g(r) at which the core that no pair enters ends."""


def by_number(symbols: Iterable[str]) -> list[str]:
    """Return symbols of elements by atomic number; files may have them in another order."""
    return sorted(symbols, key=lambda symbol: (atomic_numbers.get(symbol, 0), symbol))


def shares_of_pairs(composition: Mapping[str, int]) -> dict[str, float]:
    """Return the share of each pair of elements among all ordered pairs of atoms.

    It is x_a² of like atoms and 2 x_a x_b of unlike ones, x being shares of atoms; with these
    weights the mean of g_ab is the g of all atoms.

    Parameters
    ----------
    composition
        Symbol → number of atoms.

    Returns
    -------
    dict
        Such as ``{"Mo–Mo": 0.25, "Mo–W": 0.5, "W–W": 0.25}``, by atomic number.
    """
    n = sum(composition.values())
    symbols = by_number(composition)
    return {
        f"{a}–{b}": (1 if a == b else 2) * composition[a] * composition[b] / n**2
        for a, b in combinations_with_replacement(symbols, 2)
    }


def shares_of_atoms(composition: Mapping[str, int]) -> dict[str, float]:
    """Return the share of atoms that are of each element; ``composition`` as above."""
    n = sum(composition.values())
    return {symbol: number / n for symbol, number in composition.items()}


def rdf_error(distances: ArrayLike, g: ArrayLike, reference: ArrayLike) -> float:
    """Return the error of a radial distribution function, ∫|g - g_ref| dr / ∫|g_ref - 1| dr.

    Parameters
    ----------
    distances
        (bins,), centres of equal bins, Å.
    g, reference
        (bins,), the function and what it should be.

    Raises
    ------
    ValueError
        If the bins differ, or the reference has no structure.
    """
    _, function, wanted = _on_bins(distances, g, reference)
    # The width of the bins cancels.
    structure = np.abs(wanted - 1).sum()
    if not structure > 0:
        raise ValueError("a reference without structure leaves the error undefined")
    return float(np.abs(function - wanted).sum() / structure)


def rdf_error_beyond_core(distances: ArrayLike, g: ArrayLike, reference: ArrayLike) -> float:
    """Return ∫|g - g_ref| dr / ∫_{r > r₀}|g_ref - 1| dr, with r₀ where g_ref first exceeds `RISE`.

    In the core g_ref = 0, whatever the structure beyond it is. In the scale of `rdf_error` the core
    is a constant that hides what can differ; here it is left out. Pairs that enter the core still
    count as errors.

    Of Stillinger–Weber silicon (64 atoms, 4 × 4 ps) a crystal at 1,500 K that is found molten at
    2,700 K scores 1.02 (0.62 by `rdf_error`), and a liquid at 1,700 K that is found 500 K too hot
    0.36 (0.11). Of germanium a liquid at 2,200 K found 500 K too hot scores 0.31 (0.14).

    Parameters
    ----------
    distances
        (bins,), centres of equal bins, Å.
    g, reference
        (bins,), the function and what it should be.

    Raises
    ------
    ValueError
        If the bins differ, or the reference has no structure.
    """
    _, function, wanted = _on_bins(distances, g, reference)
    return float(np.abs(function - wanted).sum() / _structure_beyond_core(wanted))


def scale_without_core(reference: ArrayLike) -> float:
    """Return by what `rdf_error` is to be multiplied to be `rdf_error_beyond_core`.

    Parameters
    ----------
    reference
        (bins,), g_ref at the centres of equal bins.

    Raises
    ------
    ValueError
        If the reference has no structure.
    """
    wanted = np.array(reference, dtype=np.float64)
    return float(np.abs(wanted - 1).sum() / _structure_beyond_core(wanted))


def _structure_beyond_core(wanted: Floats) -> float:
    """Return Σ|g_ref - 1| over the bins from the first above `RISE` on."""
    start = int(np.argmax(wanted > RISE))
    structure = float(np.abs(wanted[start:] - 1).sum())
    if not (wanted > RISE).any() or not structure > 0:
        raise ValueError("a reference without structure leaves the error undefined")
    return structure


def adf_error(angles_rad: ArrayLike, p: ArrayLike, reference: ArrayLike) -> float:
    """Return the error of an angular distribution, W1(p, p_ref) / W1(sin θ / 2, p_ref).

    W1 is the first Wasserstein distance: the mean angle by which bonds would have to turn. The
    distributions need not be normalised.

    Parameters
    ----------
    angles_rad
        (bins,), centres of equal bins, rad.
    p, reference
        (bins,), the density and what it should be.

    Raises
    ------
    ValueError
        If the bins differ, a distribution is empty, or the reference is that of random bonds.
    """
    from scipy.stats import wasserstein_distance

    angles, density, wanted = _on_bins(angles_rad, p, reference)
    if not (density.any() and wanted.any()):
        raise ValueError("there are no angles")
    structure = wasserstein_distance(angles, angles, random_adf(angles), wanted)
    if not structure > 0:
        raise ValueError("a reference without structure leaves the error undefined")
    return float(wasserstein_distance(angles, angles, density, wanted) / structure)


def random_adf(angles_rad: Floats) -> Floats:
    """Return the density of the angle between bonds in random directions, sin θ / 2, 1/rad."""
    density: Floats = np.sin(angles_rad) / 2
    return density


def _on_bins(*columns: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Return centres of bins, a function and a reference as arrays."""
    centres, function, reference = (np.array(column, dtype=np.float64) for column in columns)
    if not (centres.shape == function.shape == reference.shape) or centres.size < 2:
        raise ValueError(
            f"{centres.size} bins, {function.size} values and {reference.size} of the reference "
            "are not on one grid"
        )
    widths = np.diff(centres)
    if not np.allclose(widths, widths[0], rtol=1e-3, atol=0) or widths[0] <= 0:
        raise ValueError("the bins should be of one width")
    return centres, function, reference
