"""Errors of structure, against integrals done by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlbench.metrics.structure import (
    adf_error,
    random_adf,
    rdf_error,
    rdf_error_beyond_core,
    scale_without_core,
    shares_of_pairs,
)

DISTANCES = np.arange(0.005, 10, 0.01)
ANGLES = (np.arange(1800) + 0.5) * math.pi / 1800


def wave(amplitude, phase=0.0):
    return 1 + amplitude * np.sin(2 * math.pi * DISTANCES + phase)


def normal(mean, width=0.01):
    return np.exp(-(((ANGLES - mean) / width) ** 2) / 2) / (width * math.sqrt(2 * math.pi))


def test_the_same_structure_has_no_error_and_none_at_all_has_error_one():
    assert rdf_error(DISTANCES, wave(0.5), wave(0.5)) == 0
    assert rdf_error(DISTANCES, np.ones_like(DISTANCES), wave(0.5)) == pytest.approx(1)
    assert adf_error(ANGLES, normal(2), normal(2)) == 0
    assert adf_error(ANGLES, random_adf(ANGLES), normal(2)) == pytest.approx(1)


def test_rdf_error_by_hand():
    # |1.5 sin - 0.5 sin| / |0.5 sin|.
    assert rdf_error(DISTANCES, wave(1.5), wave(0.5)) == pytest.approx(2)
    # Waves a quarter of a period apart differ by one √2 as high.
    shifted = rdf_error(DISTANCES, wave(0.5, math.pi / 2), wave(0.5))
    assert shifted == pytest.approx(math.sqrt(2), rel=1e-3)


def with_core(structure, radius=2.0):
    return np.where(radius < DISTANCES, structure, 0.0)


def test_the_empty_core_adds_nothing_to_the_scale():
    """A core of 2 Å, then a wave: it adds 2 Å to one scale, and nothing to the other."""
    reference, gas = with_core(wave(0.5)), with_core(np.ones_like(DISTANCES))
    beyond = 8 * 0.5 * 2 / math.pi  # mean of |sin| is 2/π
    assert rdf_error_beyond_core(DISTANCES, reference, reference) == 0
    assert rdf_error_beyond_core(DISTANCES, gas, reference) == pytest.approx(1)
    assert rdf_error(DISTANCES, gas, reference) == pytest.approx(beyond / (2 + beyond), rel=1e-3)
    # Pairs inside the core are errors still.
    filled = rdf_error_beyond_core(DISTANCES, np.ones_like(DISTANCES), reference)
    assert filled == pytest.approx(1 + 2 / beyond, rel=1e-3)


def test_without_a_core_both_scales_are_the_same():
    both = (f(DISTANCES, wave(0.7), wave(0.5)) for f in (rdf_error, rdf_error_beyond_core))
    assert next(both) == next(both)
    assert scale_without_core(wave(0.5)) == 1


def test_errors_are_taken_from_one_scale_to_the_other():
    reference, other = with_core(wave(0.5)), with_core(wave(0.6))
    scaled = rdf_error(DISTANCES, other, reference) * scale_without_core(reference)
    assert scaled == pytest.approx(rdf_error_beyond_core(DISTANCES, other, reference))


def test_adf_error_by_hand():
    # Two angles are as far apart as they are. From random bonds to one angle a it is
    # ∫|θ - a| sin θ / 2 dθ = π/2 - sin a.
    wanted, found = np.zeros(1800), np.zeros(1800)
    wanted[1094], found[1194] = 1, 1
    expected = math.radians(10) / (math.pi / 2 - math.sin(ANGLES[1094]))
    assert adf_error(ANGLES, found, wanted) == pytest.approx(expected, rel=1e-4)
    assert math.degrees(ANGLES[1094]) == pytest.approx(109.47, abs=0.03)


def test_a_peak_far_off_is_worse_than_one_near_by():
    # An integral of the difference of densities would call both wholly wrong.
    near, far = (adf_error(ANGLES, normal(at), normal(0.5)) for at in (0.7, 2.5))
    assert far == pytest.approx(10 * near, rel=1e-2)


@given(st.floats(0.1, 10))
def test_scale_of_an_angular_distribution_does_not_matter(scale):
    assert adf_error(ANGLES, scale * normal(1), normal(2)) == pytest.approx(
        adf_error(ANGLES, normal(1), normal(2) / scale)
    )


def test_random_bonds_are_as_frequent_as_the_solid_angle():
    density = random_adf(ANGLES)
    assert density.sum() * (ANGLES[1] - ANGLES[0]) == pytest.approx(1, rel=1e-5)
    rng = np.random.default_rng(0)
    first, second = (rng.normal(size=(500_000, 3)) for _ in range(2))
    cosine = (first * second).sum(1) / np.linalg.norm(first, axis=1)
    angles = np.arccos(cosine / np.linalg.norm(second, axis=1))
    seen, _ = np.histogram(angles, 10, (0, math.pi), density=True)
    expected = density.reshape(10, -1).mean(1)
    assert seen == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize("error", [rdf_error, rdf_error_beyond_core, adf_error])
def test_columns_that_do_not_fit_are_refused(error):
    with pytest.raises(ValueError, match="not on one grid"):
        error([1.0, 2.0], [1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="of one width"):
        error([1.0, 2.0, 4.0], [1.0, 2.0, 3.0], [1.0, 0.0, 1.0])


def test_what_has_no_error_is_refused():
    with pytest.raises(ValueError, match="without structure"):
        rdf_error([1.0, 2.0], [0.0, 3.0], [1.0, 1.0])
    for nothing in ([1.0, 1.0], [0.0, 0.0]):
        with pytest.raises(ValueError, match="without structure"):
            rdf_error_beyond_core([1.0, 2.0], [0.0, 3.0], nothing)
    with pytest.raises(ValueError, match="without structure"):
        adf_error(ANGLES, normal(2), random_adf(ANGLES))
    with pytest.raises(ValueError, match="no angles"):
        adf_error(ANGLES, 0 * ANGLES, normal(2))


def test_pairs_have_the_same_names_in_whatever_order_a_file_has_the_elements():
    """Copper comes before silver by atomic number, after it by name."""
    shares = {"Cu–Cu": 0.5625, "Cu–Ag": 0.375, "Ag–Ag": 0.0625}
    for composition in ({"Cu": 3, "Ag": 1}, {"Ag": 1, "Cu": 3}):
        assert [*shares_of_pairs(composition).items()] == [*shares.items()]
