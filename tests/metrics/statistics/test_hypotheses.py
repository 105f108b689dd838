"""Holm's adjustment, by hand and against what it promises."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlbench.metrics.statistics import holm

values = st.dictionaries(st.text(max_size=3), st.floats(0, 1), max_size=8)


def test_holm_by_hand():
    # Ascending 0.005, 0.01, 0.03, 0.04, times 4, 3, 2, 1: 0.02, 0.03, 0.06, 0.04; the last is
    # raised to 0.06.
    found = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert list(found) == ["a", "b", "c", "d"]
    assert found == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})


def test_one_hypothesis_is_left_as_it_is_and_none_exceeds_1():
    assert holm({"alone": 0.03}) == {"alone": 0.03}
    assert holm({"a": 0.7, "b": 0.8}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}


@given(values)
def test_adjusted_values_keep_their_order_and_lie_between_raw_and_bonferronis(p):
    found = holm(p)
    for name, value in p.items():
        assert value <= found[name] <= min(1, len(p) * value) + 1e-12
        assert all(found[name] <= found[other] for other in p if value < p[other])


def test_a_true_hypothesis_is_rejected_in_one_family_of_twenty_though_others_are_false():
    generator = np.random.default_rng(0)
    wrong = 0
    for _ in range(4000):
        true, false = generator.random(4), generator.random(4) * 1e-6
        found = holm(dict(enumerate([*true, *false])))
        wrong += any(found[name] < 0.05 for name in range(4))
    # Standard error 0.35 %.
    assert wrong / 4000 == pytest.approx(0.05, abs=0.014)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_what_is_not_a_p_value_is_refused(value):
    with pytest.raises(ValueError, match=f"{value} is not a p value"):
        holm({"a": 0.5, "b": value})
