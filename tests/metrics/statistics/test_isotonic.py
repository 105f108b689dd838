"""Monotone fits against SciPy's, and crossings by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression

from tlbench.metrics.statistics.isotonic import crossing, non_increasing


def test_a_bump_is_levelled_by_its_weights():
    values = np.array([[4.0, 1.0, 3.0, 0.5], [4.0, 1.0, 3.0, 0.5]])
    weights = np.array([[1.0, 1.0, 1.0, 1.0], [1.0, 3.0, 1.0, 1.0]])
    expected = [[4, 2, 2, 0.5], [4, 1.5, 1.5, 0.5]]
    assert non_increasing(values, weights) == pytest.approx(np.array(expected))


points = st.lists(st.tuples(st.floats(-5, 5), st.integers(1, 9)), min_size=1, max_size=9)


@given(points)
def test_the_fit_is_scipys(curve):
    values, weights = np.array(curve).T
    expected = isotonic_regression(values, weights=weights, increasing=False).x
    assert non_increasing(values[None], weights[None])[0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (4.0, 0.0),  # at the first size: known
        (4.1, -np.inf),
        (3.0, 0.5),  # half-way down the first stretch
        (2.0, 1.0),  # the start of the plateau, not its end
        (1.5, 2.5),
        (1.0, 3.0),  # at the last size: known
        (0.9, np.inf),
    ],
)
def test_the_crossing_is_the_smallest_size_that_suffices(level, expected):
    curve = np.array([[4.0, 2.0, 2.0, 1.0]])
    found = crossing(np.array([0.0, 1.0, 2.0, 3.0]), curve, np.array([level]))
    assert found == pytest.approx([expected])


def test_a_difference_by_rounding_is_none():
    sizes, curve = np.array([0.0, 1.0]), np.array([[0.3, 0.2]])
    assert crossing(sizes, curve, np.array([0.2 - 1e-15])) == pytest.approx([1])
    assert crossing(sizes, curve, np.array([0.3 + 1e-15])) == pytest.approx([0])


def test_curves_cross_each_at_its_own_level():
    curves = np.array([[2.0, 1.0], [2.0, 1.0], [5.0, 5.0]])
    found = crossing(np.array([1.0, 3.0]), curves, np.array([1.25, 0.5, 5.0]))
    assert found == pytest.approx([2.5, np.inf, 1])
