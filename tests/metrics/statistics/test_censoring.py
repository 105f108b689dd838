"""Bounds keep being true when they are rounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlbench.metrics.statistics import Bound, BoundInterval
from tlbench.metrics.statistics.censoring import two_figures


@pytest.mark.parametrize(
    ("value", "censored", "text"),
    [
        (2.349, "", "2.3"),
        (23.49, "", "23"),
        (2349.0, "", "2300"),
        (0.02349, "", "0.023"),
        (9.96, "", "10"),
        (4.99, ">", "> 4.9"),
        (4.91, "<", "< 5.0"),
        (0.1 + 0.2, "<", "< 0.30"),
        (64.0, ">", "> 64"),
        (4.0, ">", "> 4.0"),
    ],
)
def test_two_figures(value, censored, text):
    assert two_figures(value, censored) == text


@given(st.floats(1e-6, 1e6))
def test_rounding_keeps_a_bound_true_and_near(value):
    above, below = (float(two_figures(value, sign)[2:]) for sign in (">", "<"))
    assert 0.9 * value < above <= value * (1 + 1e-11)
    assert value * (1 - 1e-11) <= below < 1.1001 * value


def test_an_interval_is_given_by_both_ends():
    assert BoundInterval(Bound(2.3), Bound(4.9, ">")).text() == "2.3 to > 4.9"
