"""Curves made monotone, and crossings by hand."""

import numpy as np
import pytest

from tlbench.metrics.statistics.crossing import best_so_far, crossing


def test_a_rise_is_levelled_to_the_best_before_it():
    curves = np.array([[4.0, 1.0, 3.0, 0.5], [1.0, 2.0, 3.0, 4.0]])
    assert best_so_far(curves).tolist() == [[4.0, 1.0, 1.0, 0.5], [1.0, 1.0, 1.0, 1.0]]


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
