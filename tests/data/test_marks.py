"""Marks name test structures by index or group, and do not change what a data set is."""

import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from tlbench.base.errors import InputError
from tlbench.data.cards import card_folder, card_of, load_card
from tlbench.data.marks import Mark, is_unmarked, marked_frames, marked_of

GROUPS = np.array(["bulk", "strained", "bulk", "strained", ""])


def mark(name, **where):
    return Mark(mark=name, reason="a reason", **where)


def test_groups_and_indices_are_joined():
    marks = [
        mark("copy", frames=[4, 1]),
        mark("without forces", groups=["strained"]),
        mark("copy", frames=[0], groups=["strained"]),
    ]
    marked = marked_frames(marked_of(marks), GROUPS)
    assert marked == {"copy": [0, 1, 3, 4], "without forces": [1, 3]}
    assert is_unmarked(marked, 5).tolist() == [False, False, True, False, False]


def test_without_marks_all_structures_count():
    assert marked_frames({}, GROUPS) == {}
    assert is_unmarked({}, 5).all()


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ({"frames": [5]}, "frame 5 is marked 'copy', but the test part has the frames 0 to 4"),
        ({"groups": ["Strained"]}, "the group 'Strained' is .* groups there are: bulk, strained"),
        ({"groups": ["bulk", "strained"], "frames": [4]}, "every test frame is marked"),
    ],
)
def test_marks_of_no_structure_or_of_all_are_refused(where, said):
    with pytest.raises(InputError, match=said):
        marked_frames(marked_of([mark("copy", **where)]), GROUPS)


@pytest.mark.parametrize("where", [{}, {"frames": [-1]}, {"frames": [], "groups": []}])
def test_a_mark_names_structures(where):
    with pytest.raises(ValidationError):
        mark("copy", **where)


def test_marks_and_strata_do_not_change_what_a_data_set_is():
    card = load_card("mlearn-ge")
    assert card.marks
    assert card.strata
    bare = yaml.safe_load((card_folder() / "mlearn-ge.yaml").read_text())
    del bare["marks"], bare["strata"]
    without = card_of(bare, "a card")
    assert without.marked() == {}
    assert without.recipe() == card.recipe()
    assert without.digest() == card.digest()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"marks": [{"mark": "copied", "frames": [1], "reason": "r"}]}, "copy"),
        ({"marks": [{"mark": "copy", "frames": [1]}]}, "reason"),
        ({"marks": [{"mark": "copy", "reason": "r"}]}, "should name a test structure"),
        ({"strata": ["pressure"]}, "temperature_k"),
    ],
    ids=["unknown mark", "no reason", "no structure", "unknown property"],
)
def test_a_card_with_a_mark_or_stratum_that_is_unknown_is_refused(change, said):
    bare = yaml.safe_load((card_folder() / "mlearn-ge.yaml").read_text())
    with pytest.raises(InputError, match=said) as refused:
        card_of(bare | change, "a card")
    assert "\n" not in str(refused.value)
