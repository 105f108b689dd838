"""Errors by hand, in meV."""

from dataclasses import replace

import numpy as np
import pytest

from tlbench.metrics import METRICS, has_logarithm
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


def test_a_bias_has_a_sign_and_errors_of_opposite_sign_cancel(errors):
    # 4, -10 and 1 meV/atom.
    assert value("energy_bias", errors) == pytest.approx(-5 / 3)
    opposite = Errors(-errors.energy, errors.forces, errors.n_atoms)
    assert value("energy_bias", opposite) == pytest.approx(5 / 3)
    balanced = errors.where(np.array([True, False, True]))
    balanced = replace(balanced, energy=np.array([0.004, -0.004]))
    assert value("energy_bias", balanced) == 0
    assert value("energy_mae", balanced) == pytest.approx(4)


def test_the_error_of_melting_is_the_bias_of_liquids_over_that_of_crystals(errors):
    phases = replace(errors, phase=np.array(["crystal", "liquid", "crystal"]))
    found = value("phase_energy_error", phases)
    assert found == pytest.approx(-10 - (4 + 1) / 2)
    by_phase = {
        phase: value("energy_bias", phases.where(phases.phase == phase))
        for phase in ("crystal", "liquid")
    }
    assert found == pytest.approx(by_phase["liquid"] - by_phase["crystal"])
    # No constant per atom changes it.
    shifted = replace(phases, energy=phases.energy + 0.7 * phases.n_atoms)
    assert value("phase_energy_error", shifted) == pytest.approx(found)
    assert value("energy_bias", shifted) == pytest.approx(700 - 5 / 3)


@pytest.mark.parametrize("phases", [None, ["liquid"] * 3, ["crystal", "", ""], ["", "a", "b"]])
def test_without_both_phases_their_difference_has_no_error(errors, phases):
    errors = replace(errors, phase=None if phases is None else np.array(phases))
    assert np.isnan(value("phase_energy_error", errors))
    assert np.isnan(METRICS.get("phase_energy_error").of_frames(FrameErrors.of(errors)))


@pytest.mark.parametrize(
    "name", ["force_mae", "force_rmse", "energy_mae", "energy_bias", "phase_energy_error"]
)
def test_sums_over_structures_give_the_same_values(errors, name):
    function = METRICS.get(name).of_frames
    errors = replace(errors, phase=np.array(["crystal", "liquid", "liquid"]))
    sums = FrameErrors.of(errors)
    assert sums.force_abs.tolist() == pytest.approx([0.3, 0.3, 0.4])
    assert sums.force_square.tolist() == pytest.approx([0.05, 0.09, 0.16])
    assert function(sums) == pytest.approx(value(name, errors), rel=1e-14)
    for some in ([True, False, True], [True, True, False]):
        mask = np.array(some)
        expected = value(name, errors.where(mask))
        assert function(sums.where(mask)) == pytest.approx(expected, rel=1e-14)


def test_every_metric_says_what_it_is():
    about = {
        "force_mae": ("meV/Å", "lower"),
        "force_rmse": ("meV/Å", "lower"),
        "energy_mae": ("meV/atom", "lower"),
        "energy_bias": ("meV/atom", "nearer to 0"),
        "phase_energy_error": ("meV/atom", "nearer to 0"),
    }
    assert set(METRICS.names()) >= about.keys()
    for name, (unit, better) in about.items():
        spec = METRICS.get(name)
        assert (spec.name, spec.unit, spec.better) == (name, unit, better)
        assert spec.summary
        # Ratios are taken of positive errors alone.
        assert has_logarithm(name) == (better == "lower")


def test_what_is_larger_the_worse_a_value_is():
    assert METRICS.get("energy_mae").loss(3.0) == 3.0
    assert METRICS.get("energy_bias").loss(-3.0) == METRICS.get("energy_bias").loss(3.0) == 3.0
    assert METRICS.get("stability_rate").loss(0.5) == -0.5


def test_what_structures_add_by_hand(errors):
    sums = FrameErrors.of(errors)
    forces, energies = (METRICS.get(name).shares(sums) for name in ("force_mae", "energy_mae"))
    assert forces.tolist() == pytest.approx([1000 * each / 12 for each in (0.3, 0.3, 0.4)])
    assert energies.tolist() == pytest.approx([4 / 3, 10 / 3, 1 / 3])
    assert METRICS.get("force_rmse").shares is None


@pytest.fixture
def binary(errors) -> Errors:
    """Atoms of W, (Mo, W) and Mo."""
    return replace(errors, elements=np.array(["W", "Mo", "W", "Mo"]))


@pytest.mark.parametrize(
    ("symbol", "mae", "rmse", "n_atoms"),
    [
        ("Mo", 700 / 6, 1000 * (0.25 / 6) ** 0.5, [0, 1, 1]),
        ("W", 300 / 6, 1000 * (0.05 / 6) ** 0.5, [1, 1, 0]),
    ],
)
def test_errors_of_one_element_by_hand(symbol, mae, rmse, n_atoms, binary):
    of_atoms, sums = binary.of_element(symbol), FrameErrors.of(binary).of_element(symbol)
    assert of_atoms.n_atoms.tolist() == sums.n_atoms.tolist() == n_atoms
    for name, wanted in (("force_mae", mae), ("force_rmse", rmse)):
        assert value(name, of_atoms) == pytest.approx(wanted)
        assert METRICS.get(name).of_frames(sums) == pytest.approx(wanted)
    # Of some structures.
    last = np.array([False, False, True])
    if symbol == "Mo":
        assert value("force_mae", binary.where(last).of_element(symbol)) == pytest.approx(400 / 3)
        some = FrameErrors.of(binary).where(np.array([2])).of_element(symbol)
        assert METRICS.get("force_mae").of_frames(some) == pytest.approx(400 / 3)


def test_errors_by_element_add_up_to_those_of_all_atoms(binary):
    sums = FrameErrors.of(binary)
    parts = sums.by_element.values()
    assert sum(each.force_abs for each in parts) == pytest.approx(sums.force_abs)
    assert sum(each.force_square for each in parts) == pytest.approx(sums.force_square)
    mean = sum(METRICS.get("force_mae").of_frames(each) * each.n_atoms.sum() for each in parts) / 4
    assert mean == pytest.approx(value("force_mae", binary))


def test_only_errors_of_atoms_are_those_of_an_element(errors):
    under = {
        name
        for name in METRICS.names()
        if METRICS.get(name).is_under({"element": "W", "phase": "a"})
    }
    assert under == {"force_mae", "force_rmse"}
    assert METRICS.get("stress_mae").is_under({"phase": "a"})
    with pytest.raises(ValueError, match="not known"):
        errors.of_element("W")
    with pytest.raises(ValueError, match="not known"):
        FrameErrors.of(errors).of_element("W")


def symmetric(xx, yy, zz, yz, xz, xy):
    return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])


def test_the_stress_by_hand(errors):
    unknown = np.full((3, 3), np.nan)
    stress = np.stack([symmetric(1, -2, 0, 0.5, 0, -0.5), unknown, symmetric(0, 0, 3, 0, 0, 0)])
    errors = replace(errors, stress=stress)
    sums = FrameErrors.of(errors)
    metric = METRICS.get("stress_mae")
    # 4 and 3 GPa over six components each; off the diagonal counts once.
    assert sums.stress_abs[[0, 2]].tolist() == [4.0, 3.0]
    assert metric.function(errors) == pytest.approx(7 / 12)
    assert metric.of_frames(sums) == pytest.approx(7 / 12)
    assert metric.shares(sums).tolist() == pytest.approx([4 / 12, np.nan, 3 / 12], nan_ok=True)
    assert metric.of_frames(sums.where(np.array([1, 2]))) == pytest.approx(0.5)
    assert np.isnan(metric.of_frames(sums.where(np.array([1]))))
    assert (metric.unit, metric.text(7 / 12)) == ("GPa", "0.583")


def test_without_any_stress_its_error_is_undefined(errors):
    for each in (errors, replace(errors, stress=np.full((3, 3, 3), np.nan))):
        assert np.isnan(value("stress_mae", each))
        assert np.isnan(METRICS.get("stress_mae").of_frames(FrameErrors.of(each)))
