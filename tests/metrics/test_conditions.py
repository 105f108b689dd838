"""Which structures meet a condition."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from tlbench.metrics.conditions import conditions_of, key_of, parts_of, where

NAMES = ["temperature_k", "phase", "group"]
ROWS = st.lists(
    st.tuples(
        st.sampled_from([300.0, 900.0, np.nan]),
        st.sampled_from(["crystal", "liquid", ""]),
        st.sampled_from(["bulk", "vacancy", ""]),
    ),
    min_size=1,
    max_size=20,
)


@dataclass(frozen=True)
class Structures:
    temperature_k: npt.NDArray[np.float64]
    phase: npt.NDArray[np.str_]
    group: npt.NDArray[np.str_]


@given(ROWS, st.lists(st.sampled_from(NAMES), unique=True, min_size=1))
def test_parts_are_the_structures_that_meet_each_condition(rows, names):
    temperatures, phases, groups = zip(*rows, strict=True)
    frames = Structures(np.array(temperatures), np.array(phases), np.array(groups))
    conditions = conditions_of(frames, names)
    found = parts_of(frames, names)
    assert list(found) == [key_of(condition) for condition in conditions]
    for condition in conditions:
        expected = np.flatnonzero(where(frames, condition))
        assert len(expected)
        assert found[key_of(condition)].tolist() == expected.tolist()


def test_as_many_conditions_as_structures_take_one_pass():
    count = 30_000
    words = np.full(count, "")
    frames = Structures(np.arange(1.0, count + 1), words, words)
    found = parts_of(frames, ["temperature_k"])
    assert [len(part) for part in found.values()] == [1] * count
