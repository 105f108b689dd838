"""The equation of state: analytic curves, Stillinger–Weber crystals, and broken potentials."""

from collections.abc import Callable

import numpy as np
import pytest
from properties.subjects import stillinger_weber, volume_subject

from tlbench.base.units import GPA
from tlbench.properties.eos import EosSettings, bulk_modulus, compute, minima, roughness
from tlbench.properties.spec import Subject, Value

RATIOS = np.linspace(0.95, 1.05, 11)
V0 = volume_subject(lambda v: 0.0, lambda v: 0.0).crystal.get_volume() / 8
"""Volume per atom at which relaxations of broken potentials start, Å³."""


def values_of(subject: Subject) -> dict[str, Value]:
    found = compute(subject, EosSettings(), lambda done, total: None)
    return {
        f"{v.quantity} {v.condition['volume_ratio']}" if v.condition else v.quantity: v
        for v in found.values
    }


@pytest.mark.parametrize("minimum", [0.98, 1.0, 1.03])
def test_a_birch_murnaghan_curve_gives_its_own_bulk_modulus(minimum: float) -> None:
    volume, modulus, derivative = 20.0, 95.0, 4.6
    s = (minimum / RATIOS) ** (2 / 3)
    scale = 9 * volume * minimum * modulus / GPA / 16
    energies = -4.3 + scale * ((s - 1) ** 3 * derivative + (s - 1) ** 2 * (6 - 4 * s))
    assert bulk_modulus(RATIOS, energies, volume) == pytest.approx(modulus, rel=1e-8)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_curve_without_minimum_has_no_bulk_modulus(sign: float) -> None:
    assert bulk_modulus(RATIOS, sign * (RATIOS - 0.9) ** 2, 20.0) is None
    assert bulk_modulus(RATIOS, -((RATIOS - 1) ** 2), 20.0) is None


def test_roughness_is_the_size_of_a_jump_and_vanishes_on_smooth_curves() -> None:
    x = np.linspace(-1, 1, 41)
    smooth = 300 * x**2 - 80 * x**3
    assert roughness(smooth) == pytest.approx(0, abs=1e-9)
    assert roughness(smooth + 5.0 * (x > 0.312)) == pytest.approx(5.0)
    kink = 7.0 * np.abs(x - x[12])
    assert roughness(smooth + kink) == pytest.approx(2 / 3 * 14.0 * 0.05)
    assert roughness(np.exp(3 * x)) == pytest.approx(
        16 * roughness(np.exp(3 * np.linspace(-1, 1, 81))), rel=0.2
    )


def test_minima_deeper_than_noise_are_counted() -> None:
    x = np.linspace(-1, 1, 41)
    assert minima(x**2) == 1
    assert minima(-(x**2)) == 0
    assert minima(50 * (x**2 - 0.25) ** 2) == 2
    assert minima(x**2 + 0.02 * (-1) ** np.arange(41)) == 1


@pytest.mark.parametrize(("element", "c11", "c12"), [("Si", 151.42, 76.42), ("Ge", 138.26, 50.905)])
def test_bulk_modulus_follows_from_the_elastic_constants(
    element: str, c11: float, c12: float
) -> None:
    found = compute(stillinger_weber(element), EosSettings(), lambda done, total: None)
    values = {v.quantity: v.value for v in found.values}
    assert values["bulk_modulus"] == pytest.approx((c11 + 2 * c12) / 3, rel=1e-3)
    assert values["eos_minima"] == 1
    assert values["eos_roughness"] == pytest.approx(0, abs=0.02)
    (curve,) = found.curves
    assert len(curve.x) == 41
    assert np.argmin(curve.y) == 20
    assert curve.x[0] / curve.x[20] == pytest.approx(0.8)
    tabulated = [v.value for v in found.values if v.quantity == "eos_energy"]
    assert tabulated == [curve.y[0], curve.y[10], curve.y[30], curve.y[40]]
    # Compression costs more than expansion.
    assert curve.y[0] > curve.y[40] > 0


def test_steps_are_reported() -> None:
    steps: list[tuple[int, int]] = []
    compute(
        stillinger_weber(),
        EosSettings(intervals=16),
        lambda done, total: steps.append((done, total)),
    )
    assert steps == [(done, 17) for done in range(1, 18)]


@pytest.mark.parametrize(
    ("energy", "slope", "failure"),
    [
        # No repulsion, and the wrong sign.
        (lambda v: 0.1 * v, lambda v: 0.1, "the cell collapsed"),
        (lambda v: -0.01 * (v - V0 + 1) ** 2, lambda v: -0.02 * (v - V0 + 1), "the cell ran away"),
    ],
)
def test_a_crystal_that_does_not_relax_fails_in_every_value(
    energy: Callable[[float], float], slope: Callable[[float], float], failure: str
) -> None:
    subject = volume_subject(energy, slope)
    found = compute(subject, EosSettings(), lambda done, total: None)
    assert {v.failure for v in found.values} == {failure}
    assert not found.curves
    whole = compute(stillinger_weber(), EosSettings(), lambda done, total: None)
    assert [(v.quantity, v.condition) for v in found.values] == [
        (v.quantity, v.condition) for v in whole.values
    ]


def test_a_jump_and_a_second_minimum_are_found() -> None:
    jump = values_of(
        volume_subject(
            lambda v: 0.01 * (v - V0) ** 2 + 0.005 * (v > 1.113 * V0), lambda v: 0.02 * (v - V0)
        )
    )
    assert jump["eos_roughness"].value == pytest.approx(5.0, rel=1e-3)
    two = values_of(
        volume_subject(
            lambda v: 1e-3 * ((v - V0) * (v - 1.12 * V0)) ** 2,
            lambda v: 2e-3 * (v - V0) * (v - 1.12 * V0) * (2 * v - 2.12 * V0),
        )
    )
    assert two["eos_minima"].value == 2


def test_an_inflection_is_not_a_minimum() -> None:
    values = values_of(
        volume_subject(lambda v: 0.01 * (v - V0) ** 3, lambda v: 0.03 * (v - V0) ** 2)
    )
    assert values["bulk_modulus"].failure == "the energy has no minimum in volume"
    assert values["eos_minima"].value == 0
    assert values["eos_energy 0.9"].value is not None


def test_energies_that_are_not_finite_fail_where_they_are_needed() -> None:
    values = values_of(
        volume_subject(
            lambda v: 0.01 * (v - V0) ** 2 if v > 0.85 * V0 else np.nan, lambda v: 0.02 * (v - V0)
        )
    )
    assert values["eos_energy 0.8"].failure == "the energy is not finite"
    assert values["eos_minima"].failure == "the energy is not finite"
    assert values["eos_roughness"].failure == "the energy is not finite"
    assert values["eos_energy 0.9"].value == pytest.approx(10 * (0.1 * V0) ** 2)
    assert values["bulk_modulus"].value == pytest.approx(0.02 * V0 * GPA, rel=1e-2)
