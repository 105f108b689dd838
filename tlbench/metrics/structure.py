"""How far the structure of a simulation is from that of a reference.

Both errors are shares: 0 for the same structure, 1 for one without any (an ideal gas, bonds in
random directions). They may exceed 1.
"""

import numpy as np
from numpy.typing import ArrayLike

from tlbench.metrics.spec import Floats

REACH = 6.0
"""Distance up to which pairs are counted, Å."""


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
