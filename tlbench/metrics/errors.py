"""Errors of forces and energies."""

import numpy as np

from tlbench.base.units import MEV
from tlbench.metrics.spec import FORCE_UNIT, Errors, FrameErrors, MetricSpec


def force_mae(errors: Errors) -> float:
    """Return the mean absolute error of a force component, meV/Å."""
    return float(np.abs(errors.forces).mean() * MEV)


def force_rmse(errors: Errors) -> float:
    """Return the root mean square error of a force component, meV/Å."""
    return float(np.sqrt(np.square(errors.forces).mean()) * MEV)


def energy_mae(errors: Errors | FrameErrors) -> float:
    """Return the mean absolute error of the energy per atom, meV/atom; NaN without a reference."""
    return float(np.abs(errors.energy / errors.n_atoms).mean() * MEV)


def force_mae_of_frames(errors: FrameErrors) -> float:
    """Return what ``force_mae`` does."""
    return float(errors.force_abs.sum() / (3 * errors.n_atoms.sum()) * MEV)


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
    tolerance=0.15,
)
