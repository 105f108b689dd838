"""Errors by hand, in meV."""

import numpy as np
import pytest

from tlbench.metrics import METRICS
from tlbench.metrics.spec import Errors, FrameErrors


@pytest.fixture
def errors() -> Errors:
    """Three structures of one, two and one atoms."""
    return Errors(
        energy=np.array([0.004, -0.020, 0.001]),
        forces=np.array([[0.1, 0.0, -0.2], [0.0, 0.3, 0.0], [0.0, 0.0, 0.0], [0.0, -0.4, 0.0]]),
        n_atoms=np.array([1, 2, 1]),
    )


def value(name: str, errors: Errors) -> float:
    return METRICS.get(name).function(errors)


def test_values_by_hand(errors):
    assert value("force_mae", errors) == pytest.approx(1000 * 1.0 / 12)
    assert value("force_rmse", errors) == pytest.approx(1000 * (0.3 / 12) ** 0.5)
    assert value("energy_mae", errors) == pytest.approx((4 + 10 + 1) / 3)


def test_some_of_the_frames(errors):
    some = errors.where(np.array([True, False, True]))
    assert some.n_atoms.tolist() == [1, 1]
    assert value("force_mae", some) == pytest.approx(1000 * 0.7 / 6)
    assert value("energy_mae", some) == pytest.approx(2.5)
    middle = errors.where(np.array([False, True, False]))
    assert value("force_mae", middle) == pytest.approx(1000 * 0.3 / 6)
    assert value("energy_mae", middle) == pytest.approx(10)


def test_without_a_reference_energy_only_the_energy_error_is_undefined(errors):
    unknown = Errors(errors.energy * np.nan, errors.forces, errors.n_atoms)
    assert np.isnan(value("energy_mae", unknown))
    assert value("force_mae", unknown) == value("force_mae", errors)


def test_no_error_is_zero_and_signs_do_not_cancel(errors):
    nothing = Errors(0 * errors.energy, 0 * errors.forces, errors.n_atoms)
    opposite = Errors(-errors.energy, -errors.forces, errors.n_atoms)
    for name in ("force_mae", "force_rmse", "energy_mae"):
        assert value(name, nothing) == 0
        assert value(name, opposite) == value(name, errors) > 0


@pytest.mark.parametrize("name", ["force_mae", "force_rmse", "energy_mae"])
def test_sums_over_structures_give_the_same_values(errors, name):
    function = METRICS.get(name).of_frames
    sums = FrameErrors.of(errors)
    assert sums.force_abs.tolist() == pytest.approx([0.3, 0.3, 0.4])
    assert sums.force_square.tolist() == pytest.approx([0.05, 0.09, 0.16])
    assert function(sums) == pytest.approx(value(name, errors), rel=1e-14)
    for some in ([True, False, True], [False, True, False]):
        mask = np.array(some)
        expected = value(name, errors.where(mask))
        assert function(sums.where(mask)) == pytest.approx(expected, rel=1e-14)


def test_every_metric_says_what_it_is():
    units = {"force_mae": "meV/Å", "force_rmse": "meV/Å", "energy_mae": "meV/atom"}
    assert set(METRICS.names()) >= units.keys()
    for name, unit in units.items():
        spec = METRICS.get(name)
        assert (spec.name, spec.unit, spec.better) == (name, unit, "lower")
        assert spec.summary


def test_what_structures_add_by_hand(errors):
    sums = FrameErrors.of(errors)
    forces, energies = (METRICS.get(name).shares(sums) for name in ("force_mae", "energy_mae"))
    assert forces.tolist() == pytest.approx([1000 * each / 12 for each in (0.3, 0.3, 0.4)])
    assert energies.tolist() == pytest.approx([4 / 3, 10 / 3, 1 / 3])
    assert METRICS.get("force_rmse").shares is None
