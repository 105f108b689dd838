r"""Self-diffusion in liquids, from the displacement of atoms.

Einstein's relation, as in Allen & Tildesley, Computer Simulation of Liquids (2017), eq. 2.110,

.. math::

    D = \frac{1}{6} \frac{\mathrm{d}}{\mathrm{d}t} \langle |r(t) − r(0)|^2 \rangle,

with the centre of mass at rest. The slope is that of a straight line through the mean-square
displacement from the start, without the first fifth, in which a structure comes to equilibrium and
atoms still fly freely. In a periodic cell of length L a liquid of viscosity η diffuses more slowly,
by :math:`2.837\, k_B T / 6 π η L` (Yeh & Hummer, J. Phys. Chem. B 108, 15873 (2004), eq. 12). That
is left out: simulations are compared with a reference in the same cell, under the same thermostat.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from tlbench.metrics.spec import MetricSpec

if TYPE_CHECKING:
    from tlbench.metrics.dynamics import Comparison

LEFT_OUT = 0.2
"""Share of a simulation, at its beginning, that the slope is not taken of."""

FEWEST = 3
"""Points that a slope is taken of at least."""


def diffusion_coefficient(times_ps: ArrayLike, msd: ArrayLike) -> float:
    """Return the self-diffusion coefficient, Å²/ps (1 Å²/ps = 10⁻⁸ m²/s).

    Parameters
    ----------
    times_ps
        Shape (n,), ps.
    msd
        Mean-square displacement from the start at these times, shape (n,), Å².

    Returns
    -------
    float
        NaN where there are too few points.
    """
    times, squares = np.asarray(times_ps, dtype=float), np.asarray(msd, dtype=float)
    late = times > LEFT_OUT * times.max(initial=0.0)
    if late.sum() < FEWEST:
        return float("nan")
    times, squares = times[late] - times[late].mean(), squares[late]
    return float(times @ squares / (6 * (times @ times)))


def diffusion_error_of(found: "Comparison") -> float:
    """Return the absolute error of the diffusion coefficient, Å²/ps.

    NaN if no replica was stable, or the reference is not a simulation.
    """
    if found.times_ps is None or found.msd is None or found.reference_msd is None:
        return float("nan")
    own, wanted = (
        diffusion_coefficient(found.times_ps, msd) for msd in (found.msd, found.reference_msd)
    )
    return abs(own - wanted)


DIFFUSION_ERROR = MetricSpec(
    name="diffusion_error",
    unit="Å²/ps",
    better="lower",
    summary="absolute error of the self-diffusion coefficient of stable simulations, from the "
    "slope of the mean-square displacement",
    function=diffusion_error_of,
    of="dynamics",
    published_precision=2e-5,
    decimals=3,
    tolerance=0.25,
)
