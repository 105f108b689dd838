"""Which structures meet a condition."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from tlbench.data.formulas import formulas
from tlbench.metrics.conditions import conditions_of, parts_of

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
    element_counts: Mapping[str, npt.NDArray[np.int64]] = field(default_factory=dict)

    @property
    def composition(self):
        return formulas(self.element_counts)


def structures(rows):
    temperatures, phases, groups = zip(*rows, strict=True)
    return Structures(np.array(temperatures), np.array(phases), np.array(groups))


def meet(frames, condition):
    """Return the indices of the structures that have all the values of a condition."""
    mask = [getattr(frames, name) == value for name, value in condition.items()]
    return np.flatnonzero(np.all(mask, axis=0)).tolist()


@given(ROWS, st.lists(st.sampled_from(NAMES), unique=True, min_size=1))
def test_parts_are_the_structures_that_meet_each_condition(rows, names):
    frames = structures(rows)
    found = parts_of(frames, names)
    known = [name for name in names if any(v == v and v != "" for v in getattr(frames, name))]
    complete = [row for row in rows if all(_known(dict(zip(NAMES, row, strict=True)), known))]
    assert sum(len(members) for _, members in found) == (len(complete) if known else 0)
    for condition, members in found:
        assert list(condition) == known
        assert len(members)
        assert members.tolist() == meet(frames, condition)


def _known(row, names):
    return [row[name] == row[name] and row[name] != "" for name in names]


def test_as_many_conditions_as_structures_take_one_pass():
    count = 30_000
    words = np.full(count, "")
    frames = Structures(np.arange(1.0, count + 1), words, words)
    found = parts_of(frames, ["temperature_k"])
    assert [len(part) for _, part in found] == [1] * count


CRYSTALS = [(300.0, "crystal", "bulk"), (900.0, "liquid", "bulk"), (300.0, "crystal", "strained")]


def test_without_marks_the_empty_condition_is_that_of_all_structures():
    found = conditions_of(structures(CRYSTALS), [["phase"]])
    assert [(condition, members.tolist()) for condition, members in found] == [
        ({}, [0, 1, 2]),
        ({"phase": "crystal"}, [0, 2]),
        ({"phase": "liquid"}, [1]),
    ]


def test_marked_structures_have_conditions_of_their_own():
    marks = {"without forces": [2], "copy": [0, 2]}
    found = conditions_of(structures(CRYSTALS), [["phase"], ["group"]], marks)
    assert [(condition, members.tolist()) for condition, members in found] == [
        ({}, [1]),
        ({"phase": "liquid"}, [1]),
        ({"group": "bulk"}, [1]),
        ({"marked": "copy"}, [0, 2]),
        ({"marked": "without forces"}, [2]),
        ({"marked": "included"}, [0, 1, 2]),
    ]


def test_all_conditions_of_the_best_weights_name_them():
    frames, marks = structures(CRYSTALS), {"copy": [2]}
    last = conditions_of(frames, [["phase"]], marks)
    best = conditions_of(frames, [["phase"]], marks, "best")
    assert [condition for condition, _ in best] == [
        {**condition, "weights": "best"} for condition, _ in last
    ]
    assert [m.tolist() for _, m in best] == [m.tolist() for _, m in last]


COUNTS = {"Mo": np.array([2, 4, 3]), "W": np.array([2, 0, 1])}


def binary():
    """Return structures of MoW, Mo and Mo3W: a crystal, a liquid and a crystal."""
    return replace(structures(CRYSTALS), element_counts=COUNTS)


def found_by(names, marks=None):
    found = conditions_of(binary(), [names], marks)[1:]
    return [(condition, members.tolist()) for condition, members in found]


def test_compositions_are_a_property_of_structures():
    assert found_by(["composition"]) == [
        ({"composition": "Mo"}, [1]),
        ({"composition": "Mo3W"}, [2]),
        ({"composition": "MoW"}, [0]),
    ]


def test_an_element_is_in_the_structures_that_contain_it():
    assert found_by(["element"]) == [({"element": "Mo"}, [0, 1, 2]), ({"element": "W"}, [0, 2])]


def test_elements_combine_with_properties():
    assert found_by(["element", "phase"]) == [
        ({"phase": "crystal", "element": "Mo"}, [0, 2]),
        ({"phase": "crystal", "element": "W"}, [0, 2]),
        ({"phase": "liquid", "element": "Mo"}, [1]),
    ]
    marked = found_by(["composition", "element"], {"copy": [0, 1]})
    assert marked[:2] == [
        ({"composition": "Mo3W", "element": "Mo"}, [2]),
        ({"composition": "Mo3W", "element": "W"}, [2]),
    ]
    assert [condition.get("marked") for condition, _ in marked[2:]] == ["copy", "included"]


def test_an_element_is_known_where_a_property_is_not():
    unknown = replace(binary(), phase=np.array(["", "", ""]))
    parts = parts_of(unknown, ["phase", "element"])
    assert [condition for condition, _ in parts] == [{"element": "Mo"}, {"element": "W"}]


def test_data_of_one_element_are_not_broken_down_by_it():
    alone = replace(binary(), element_counts={"Mo": COUNTS["Mo"]})
    assert parts_of(alone, ["composition"]) == []
    assert parts_of(alone, ["composition", "element"]) == []
    assert parts_of(alone, ["element"]) == []
    kept = parts_of(alone, ["phase", "element"])
    assert [condition for condition, _ in kept] == [{"phase": "crystal"}, {"phase": "liquid"}]
