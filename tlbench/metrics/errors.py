"""Errors of forces and energies.

The constant that is fitted to energies makes their mean signed error vanish on the training set,
not in each phase of it. What is left of it in the liquid relative to the crystal is an error of the
energy of melting, which an error of forces does not see: forces are differences of energies along
a path of small displacements, and no path leads from one phase to the other.

Energies are per atom throughout. Per formula unit they would be the same numbers times the atoms of
the formula, so of a compound nothing is added, and of structures of several compositions a mean
over unlike units would be taken; by composition, each formula has its mean.
"""

import math

import numpy as np
import numpy.typing as npt

from tlbench.base.units import MEV
from tlbench.metrics.spec import ENERGY_UNIT, FORCE_UNIT, Errors, Floats, FrameErrors, MetricSpec

CRYSTAL, LIQUID = "crystal", "liquid"
"""Phases of structures, as cards and readers name them."""

PRECISION = 1e-4
"""meV/atom; errors of opposite sign cancel, but not what they were rounded by."""


def force_mae(errors: Errors) -> float:
    """Return the mean absolute error of a force component, meV/Å."""
    return float(np.abs(errors.forces).mean() * MEV)


def force_rmse(errors: Errors) -> float:
    """Return the root mean square error of a force component, meV/Å."""
    return float(np.sqrt(np.square(errors.forces).mean()) * MEV)


def energy_mae(errors: Errors | FrameErrors) -> float:
    """Return the mean absolute error of the energy per atom, meV/atom; NaN without a reference."""
    return float(np.abs(errors.energy / errors.n_atoms).mean() * MEV)


def energy_bias(errors: Errors | FrameErrors) -> float:
    """Return the mean signed error of the energy per atom, meV/atom; NaN without a reference."""
    return float((errors.energy / errors.n_atoms).mean() * MEV)


def phase_energy_error(errors: Errors | FrameErrors) -> float:
    """Return the error of the energy difference between liquid and crystal, meV/atom.

    It is the mean signed error of liquid structures minus that of crystals, in which the constant
    energy per atom cancels; NaN without structures of both.
    """
    bias = {}
    for phase in (LIQUID, CRYSTAL):
        some = (
            np.zeros(len(errors.n_atoms), bool) if errors.phase is None else errors.phase == phase
        )
        if not some.any():
            return math.nan
        bias[phase] = float((errors.energy[some] / errors.n_atoms[some]).mean() * MEV)
    return bias[LIQUID] - bias[CRYSTAL]


def energy_shares(errors: FrameErrors) -> Floats:
    """Return what each structure adds to ``energy_mae``, meV/atom, shape (frames,)."""
    shares: Floats = np.abs(errors.energy / errors.n_atoms) / len(errors.n_atoms) * MEV
    return shares


def force_mae_of_frames(errors: FrameErrors) -> float:
    """Return what ``force_mae`` does."""
    return float(errors.force_abs.sum() / (3 * errors.n_atoms.sum()) * MEV)


def force_shares(errors: FrameErrors) -> Floats:
    """Return what each structure adds to ``force_mae``, meV/Å, shape (frames,)."""
    shares: Floats = errors.force_abs / (3 * errors.n_atoms.sum()) * MEV
    return shares


def force_rmse_of_frames(errors: FrameErrors) -> float:
    """Return what ``force_rmse`` does."""
    return float(np.sqrt(errors.force_square.sum() / (3 * errors.n_atoms.sum())) * MEV)


def stress_mae(errors: Errors) -> float:
    """Return the mean absolute error of a component of the stress, GPa.

    The six independent components are counted, of the structures whose stress is known; NaN
    without any.
    """
    return math.nan if errors.stress is None else stress_mae_of_frames(FrameErrors.of(errors))


def stress_mae_of_frames(errors: FrameErrors) -> float:
    """Return what ``stress_mae`` does."""
    known = _stressed(errors)
    return math.fsum(stress_shares(errors)[known]) if known.any() else math.nan


def stress_shares(errors: FrameErrors) -> Floats:
    """Return what each structure adds to ``stress_mae``, GPa, shape (frames,).

    NaN of those whose stress is not known.
    """
    found = _stressed(errors)
    shares = np.full(len(found), np.nan)
    if errors.stress_abs is not None:
        shares[found] = errors.stress_abs[found] / (6 * found.sum())
    return shares


def _stressed(errors: FrameErrors) -> npt.NDArray[np.bool_]:
    """Return which structures have an error of the stress, shape (frames,)."""
    if errors.stress_abs is None:
        return np.zeros(len(errors.n_atoms), dtype=bool)
    return np.isfinite(errors.stress_abs)


FORCE_MAE = MetricSpec(
    name="force_mae",
    unit=FORCE_UNIT,
    better="lower",
    summary="mean absolute error of a force component",
    function=force_mae,
    of_frames=force_mae_of_frames,
    of_atoms=True,
    shares=force_shares,
)
FORCE_RMSE = MetricSpec(
    name="force_rmse",
    unit=FORCE_UNIT,
    better="lower",
    summary="root mean square error of a force component",
    function=force_rmse,
    of_frames=force_rmse_of_frames,
    of_atoms=True,
)
ENERGY_MAE = MetricSpec(
    name="energy_mae",
    unit=ENERGY_UNIT,
    better="lower",
    summary="mean absolute error of the energy per atom, after the constant per element is "
    "fitted on the training set",
    function=energy_mae,
    of_frames=energy_mae,
    shares=energy_shares,
    tolerance=0.15,
)
ENERGY_BIAS = MetricSpec(
    name="energy_bias",
    unit=ENERGY_UNIT,
    better="nearer to 0",
    summary="mean signed error of the energy per atom, prediction minus label, after the constant "
    "per element is fitted on the training set",
    function=energy_bias,
    of_frames=energy_bias,
    mean="arithmetic",
    compared="difference",
    published_precision=PRECISION,
    tolerance=5.0,
)
PHASE_ENERGY_ERROR = MetricSpec(
    name="phase_energy_error",
    unit=ENERGY_UNIT,
    better="nearer to 0",
    summary="error of the energy difference between liquid and crystal: the mean signed error of "
    "the energy per atom of liquid structures minus that of crystals",
    function=phase_energy_error,
    of_frames=phase_energy_error,
    mean="arithmetic",
    compared="difference",
    published_precision=PRECISION,
    tolerance=10.0,
)
STRESS_MAE = MetricSpec(
    name="stress_mae",
    unit="GPa",
    better="lower",
    summary="mean absolute error of the six components of the stress, over the test structures "
    "whose stress is known",
    function=stress_mae,
    of_frames=stress_mae_of_frames,
    shares=stress_shares,
    of_stress=True,
    decimals=3,
)
