"""Numbers, times and enumerations in words."""

import pytest

from tlbench.base.phrases import counted, listed


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], ""),
        (["forces"], "forces"),
        (["energy", "forces"], "energy and forces"),
        (iter(["energy", "forces", "stress"]), "energy, forces and stress"),
    ],
)
def test_words_become_an_enumeration(words, text):
    assert listed(words) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 jobs"), (1, "1 job"), (1234, "1,234 jobs")])
def test_a_noun_is_singular_for_one_alone(count, text):
    assert counted(count, "job") == text
