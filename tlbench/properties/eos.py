r"""Equation of state: the energy of a crystal against its volume.

The relaxed crystal is scaled uniformly to 0.8 to 1.2 of its volume. In every prototype the atoms
occupy sites that symmetry fixes, so there is nothing to relax but the ratio c/a of hcp, which
stays that of the relaxed cell.

The bulk modulus is that of the third-order Birch–Murnaghan equation,

.. math::

    E(V) = E_0 + \tfrac{9 V_0 B}{16} \left\{ (s - 1)^3 B' + (s - 1)^2 (6 - 4 s) \right\},
    \qquad s = (V_0 / V)^{2/3},

fitted to energies within 5 % of the relaxed volume. It is a cubic polynomial of
:math:`V^{-2/3}`, whose coefficients follow from linear least squares. For Stillinger–Weber silicon
and germanium B differs from (C11 + 2 C12) / 3 by less than 0.1 %.
"""

import numpy as np
from numpy.polynomial import Polynomial
from pydantic import Field

from tlbench.base.units import GPA, MEV
from tlbench.properties.crystals import NO_MINIMUM, relaxed
from tlbench.properties.evaluation import Floats, finite, value_of
from tlbench.properties.spec import (
    Computed,
    Curve,
    Property,
    Quantity,
    Report,
    Settings,
    Subject,
)

SMALLEST, LARGEST = 0.8, 1.2
"""Volumes between which the energy is computed, over that of the relaxed cell."""

TABULATED = (0.8, 0.9, 1.1, 1.2)
"""Volumes whose energies are values of their own."""

WELL_MEV = 0.1
"""Depth of what counts as a minimum, meV/atom.

Energies of models in single precision scatter by about 0.001 meV/atom.
"""


class EosSettings(Settings):
    """How densely the volume is sampled."""

    intervals: int = Field(
        default=40,
        ge=16,
        le=4000,
        multiple_of=8,
        description="intervals between 0.8 and 1.2 of the relaxed volume, a multiple of 8",
    )


def bulk_modulus(ratios: Floats, energies: Floats, volume: float) -> float | None:
    """Return the bulk modulus of a third-order Birch–Murnaghan fit, GPa.

    Parameters
    ----------
    ratios
        Volumes over ``volume``, shape (n,).
    energies
        Energies per atom, eV, shape (n,).
    volume
        Volume per atom near the minimum, Å³.

    Returns
    -------
    float or None
        None if the fit has no minimum within the range of the volumes.
    """
    x = ratios ** (-2 / 3)
    fit = Polynomial.fit(x, energies, deg=3)
    for root in fit.deriv().roots().astype(complex).tolist():
        curvature = float(fit.deriv(2)(root.real))
        if root.imag == 0 and x.min() <= root.real <= x.max() and curvature > 0:
            # B = V d²E/dV² where dE/dx = 0.
            return float(4 / 9 * curvature * root.real**3.5 / volume * GPA)
    return None


def minima(energies: Floats) -> int:
    """Return the number of minima within a curve (meV/atom) that are `WELL_MEV` deep or more."""
    # Takes half a second, which listing properties should not.
    from scipy.signal import find_peaks

    return len(find_peaks(-energies, prominence=WELL_MEV)[0])


def roughness(energies: Floats) -> float:
    """Return a third of the largest fourth difference of equally spaced energies, in their unit.

    A jump by J between two of them gives J, one energy that is wrong by d gives 2 d, and a change
    of slope by K at one of them gives 2/3 K times the spacing. Of a smooth curve it vanishes with
    the fourth power of the spacing.
    """
    return float(np.abs(np.diff(energies, 4)).max() / 3)


def compute(subject: Subject, settings: EosSettings, report: Report) -> Computed:
    """Compute the equation of state."""
    ratios = np.linspace(SMALLEST, LARGEST, settings.intervals + 1)
    crystal = relaxed(subject)
    if isinstance(crystal, str):
        return _values(np.full(len(ratios), np.nan), ratios, np.nan, failure=crystal)
    volume = crystal.get_volume() / len(crystal)
    energies = np.full(len(ratios), np.nan)
    for step, ratio in enumerate(ratios):
        scaled = crystal.copy()
        scaled.calc = crystal.calc
        scaled.set_cell(crystal.cell * ratio ** (1 / 3), scale_atoms=True)
        energy = finite(scaled, "energy")
        if energy is not None:
            energies[step] = energy / len(crystal)
        report(step + 1, len(ratios))
    return _values(energies, ratios, volume, failure="the energy is not finite")


def _values(energies: Floats, ratios: Floats, volume: float, failure: str) -> Computed:
    """Return what follows from energies (eV/atom, NaN where ``failure``) at ratios of volume."""
    middle = len(ratios) // 2
    relative = (energies - energies[middle]) * MEV
    is_whole = bool(np.isfinite(energies).all())
    near = slice(middle - middle // 4, middle + middle // 4 + 1)

    found: float | str | None = failure
    if np.isfinite(energies[near]).all():
        found = bulk_modulus(ratios[near], energies[near], volume)
    values = [value_of("bulk_modulus", NO_MINIMUM if found is None else found)]
    for ratio in TABULATED:
        energy = relative[np.abs(ratios - ratio).argmin()]
        values.append(
            value_of(
                "eos_energy",
                energy if np.isfinite(energy) else failure,
                {"volume_ratio": ratio},
            )
        )
    values.append(value_of("eos_minima", minima(relative) if is_whole else failure))
    values.append(value_of("eos_roughness", roughness(relative) if is_whole else failure))

    known = np.isfinite(relative)
    curve = Curve(
        name="eos",
        x_label="volume (Å³/atom)",
        y_label="energy (meV/atom)",
        x=(ratios * volume)[known].tolist(),
        y=relative[known].tolist(),
    )
    return Computed(values, [curve] if known.any() else [])


EOS = Property(
    name="eos",
    summary="energy against volume, and the bulk modulus",
    literature="F. Birch, Phys. Rev. 71, 809 (1947)",
    settings=EosSettings,
    quantities=(
        Quantity("bulk_modulus", "GPa", "bulk modulus"),
        Quantity(
            "eos_energy",
            "meV/atom",
            "energy of a scaled crystal above the relaxed one",
            1,
        ),
        Quantity(
            "eos_minima",
            "1",
            f"minima of the energy against volume, at least {WELL_MEV} meV/atom deep",
            decimals=0,
            compared=False,
        ),
        Quantity(
            "eos_roughness",
            "meV/atom",
            "largest jump or kink of the energy against volume",
            decimals=3,
            compared=False,
        ),
    ),
    compute=compute,
)
