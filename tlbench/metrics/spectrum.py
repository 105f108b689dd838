"""Error of the spectrum of velocities."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from tlbench.metrics.spec import MetricSpec

if TYPE_CHECKING:
    from tlbench.metrics.dynamics import Comparison


def spectrum_error(frequencies: ArrayLike, found: ArrayLike, reference: ArrayLike) -> float:
    """Return the Wasserstein distance of two spectra, ∫ |G(ν) − G_ref(ν)| dν, THz.

    G is the integral of g. The distance is by how far vibrations are at the wrong frequency on
    average, as `phonon_dos_error` of the density of states.

    Parameters
    ----------
    frequencies
        (n,), THz, evenly spaced from 0.
    found, reference
        g(ν) at these, (n,); each is normalised.
    """
    at, g, wanted = (np.asarray(each, dtype=float) for each in (frequencies, found, reference))
    difference = np.cumsum(g / g.sum() - wanted / wanted.sum())
    return float(np.abs(difference).sum() * (at[1] - at[0]))


def velocity_spectrum_error_of(found: "Comparison") -> float:
    """Return the error of the spectrum of stable simulations, THz.

    NaN if no replica was stable, the spectrum was not recorded, or the reference has none.
    """
    if found.frequencies is None or found.spectrum is None or found.reference_spectrum is None:
        return float("nan")
    return spectrum_error(found.frequencies, found.spectrum, found.reference_spectrum)


VELOCITY_SPECTRUM_ERROR = MetricSpec(
    name="velocity_spectrum_error",
    unit="THz",
    better="lower",
    summary="Wasserstein distance between the spectra of the velocities of stable simulations and "
    "of the reference, whose frequencies it is the mean error of",
    function=velocity_spectrum_error_of,
    of="dynamics",
    decimals=3,
    tolerance=0.25,
)
