"""Numbers that files of results may hold."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tlbench.base.magnitudes import Magnitude, Number, Signed, Square, Temperature

TYPES = {
    name: TypeAdapter(kind)
    for name, kind in (
        ("number", Number), ("signed", Signed), ("magnitude", Magnitude), ("square", Square),
        ("temperature", Temperature),
    )
}  # fmt: skip


@given(st.floats(min_value=0, allow_nan=False), st.floats(min_value=0, allow_nan=False))
def test_ratios_squares_and_logarithms_of_what_is_taken_are_finite(a, b):
    try:
        a, b = (TYPES["magnitude"].validate_python(each) for each in (a, b))
    except ValidationError:
        return
    if a and b:
        assert 0 < a / b < 1e40
        assert 0 < a * a * b * b < math.inf
        assert math.isfinite(math.log(a))


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("value", [5e-324, 1e-300, math.nan, math.inf])
def test_what_nobody_measures_is_refused(name, value):
    with pytest.raises(ValidationError):
        TYPES[name].validate_python(value)


@pytest.mark.parametrize("name", ["number", "signed", "magnitude", "square"])
def test_zero_is_a_number(name):
    assert TYPES[name].validate_python(0.0) == 0


def test_the_square_of_a_small_magnitude_is_a_square():
    for value in (1e-20, 3e-19, 1.0):
        assert TYPES["square"].validate_python(TYPES["magnitude"].validate_python(value) ** 2)


def test_signs_are_kept_apart():
    assert TYPES["signed"].validate_python(-1e-5) == -1e-5
    for name in ("magnitude", "square", "temperature"):
        with pytest.raises(ValidationError):
            TYPES[name].validate_python(-1e-5)
    with pytest.raises(ValidationError):
        TYPES["signed"].validate_python(-1e-300)
