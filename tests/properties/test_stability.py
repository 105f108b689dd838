"""Born's criteria, and energies that a stable crystal cannot have."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties.subjects import stillinger_weber

from tlbench.properties.elastic import ElasticSettings, compute
from tlbench.properties.spec import Value
from tlbench.properties.stability import instabilities

GPA = st.integers(-300, 300).map(float)


def constants(quantity="elastic_constant", **found):
    return [
        Value(quantity=quantity, condition={"component": name}, value=value)
        for name, value in found.items()
    ]


def stiffness(c11, c12, c44, c13=None, c33=None):
    """Return the 6 × 6 matrix of a cubic crystal or, with C13 and C33, of a hexagonal one."""
    c13, c33 = c12 if c13 is None else c13, c11 if c33 is None else c33
    c66 = c44 if c33 == c11 and c13 == c12 else (c11 - c12) / 2
    found = np.diag([c11, c11, c33, c44, c44, c66])
    found[0, 1] = found[1, 0] = c12
    found[0, 2] = found[2, 0] = found[1, 2] = found[2, 1] = c13
    return found


@given(GPA, GPA, GPA)
def test_a_cubic_crystal_is_unstable_where_a_strain_lowers_its_energy(c11, c12, c44):
    lowest = np.linalg.eigvalsh(stiffness(c11, c12, c44)).min()
    found = instabilities(constants(C11=c11, C12=c12, C44=c44))
    if abs(lowest) > 1e-9:
        assert bool(found) == (lowest < 0)


@given(GPA, GPA, GPA, GPA, GPA)
def test_a_hexagonal_crystal_is_unstable_where_a_strain_lowers_its_energy(c11, c12, c13, c33, c44):
    matrix = stiffness(c11, c12, c44, c13, c33)
    matrix[5, 5] = (c11 - c12) / 2
    lowest = np.linalg.eigvalsh(matrix).min()
    found = instabilities(constants(C11=c11, C12=c12, C13=c13, C33=c33, C44=c44))
    if abs(lowest) > 1e-6:
        assert bool(found) == (lowest < 0)


def test_one_violated_criterion_concerns_all_constants_and_is_named():
    clamped = constants("clamped_elastic_constant", C11=130.0, C12=50.0, C44=80.0)
    found = instabilities(constants(C11=130.0, C12=50.0, C44=-3.0) + clamped)
    assert len(found) == 6
    assert set(found.values()) == {"C44 = -3 GPa, the crystal is unstable"}
    (reason,) = {*instabilities(constants(C11=20.0, C12=30.0, C44=-1.5)).values()}
    assert reason == "C11 - C12 = -10 and C44 = -1.5 GPa, the crystal is unstable"


@pytest.mark.parametrize(("prototype", "is_stable"), [("diamond", True), ("fcc", False)])
def test_stillinger_weber_silicon_is_stable_in_its_crystal_and_not_when_it_is_dense(
    prototype, is_stable
):
    computed = compute(stillinger_weber("Si", prototype), ElasticSettings(), lambda *_: None)
    found = instabilities(computed.values)
    assert (not found) == is_stable
    # Its C11 of 692 GPa is below its C12 of 731 GPa: it turns into something else.
    assert all("C11 - C12 = -38.8 GPa" in reason for reason in found.values())


def test_clamped_constants_are_enough_where_the_others_failed():
    lost = Value(quantity="elastic_constant", condition={"component": "C11"}, failure="lost")
    found = instabilities([lost, *constants("clamped_elastic_constant", C11=1.0, C12=2.0, C44=1.0)])
    assert lost.place not in found
    assert set(found.values()) == {"clamped C11 - C12 = -1 GPa, the crystal is unstable"}


@pytest.mark.parametrize(
    ("quantity", "unit"), [("vacancy_formation_energy", "eV"), ("surface_energy", "J/m²")]
)
def test_each_negative_energy_counts_by_itself(quantity, unit):
    values = [
        Value(quantity=quantity, condition={"ions": ions}, value=value)
        for ions, value in (("ideal", 0.1), ("relaxed", -0.25))
    ]
    assert instabilities(values) == {
        values[1].place: f"the energy is -0.25 {unit}, the crystal is unstable"
    }


def test_what_may_be_negative_is_not_concerned():
    values = [
        Value(quantity=name, value=-1.0) for name in ("cohesive_energy_difference", "eos_energy")
    ]
    assert instabilities(values) == {}
    assert instabilities(constants(C11=1.0, C44=-1.0)) == {}
