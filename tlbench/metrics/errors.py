"""Errors of forces and energies."""

import numpy as np

from tlbench.base.units import MEV
from tlbench.metrics.spec import FORCE_UNIT, Errors, Floats, FrameErrors, MetricSpec


def force_mae(errors: Errors) -> float:
    """Return the mean absolute error of a force component, meV/Å."""
    return float(np.abs(errors.forces).mean() * MEV)


def force_rmse(errors: Errors) -> float:
    """Return the root mean square error of a force component, meV/Å."""
    return float(np.sqrt(np.square(errors.forces).mean()) * MEV)


def energy_mae(errors: Errors | FrameErrors) -> float:
    """Return the mean absolute error of the energy per atom, meV/atom; NaN without a reference."""
    return float(np.abs(errors.energy / errors.n_atoms).mean() * MEV)


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


FORCE_MAE = MetricSpec(
    name="force_mae",
    unit=FORCE_UNIT,
    better="lower",
    summary="mean absolute error of a force component",
    function=force_mae,
    of_frames=force_mae_of_frames,
    shares=force_shares,
)
FORCE_RMSE = MetricSpec(
    name="force_rmse",
    unit=FORCE_UNIT,
    better="lower",
    summary="root mean square error of a force component",
    function=force_rmse,
    of_frames=force_rmse_of_frames,
)
ENERGY_MAE = MetricSpec(
    name="energy_mae",
    unit="meV/atom",
    better="lower",
    summary="mean absolute error of the energy per atom, after the constant per element is "
    "fitted on the training set",
    function=energy_mae,
    of_frames=energy_mae,
    shares=energy_shares,
    tolerance=0.15,
)
