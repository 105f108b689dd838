"""As which source element a target element starts."""

import pytest

from tlbench.base.errors import InputError
from tlbench.transfer.element_map import element_starts


def starts(source, target, given=None):
    return {each.target: each.source for each in element_starts(source, target, given)}


def test_an_element_that_the_source_has_starts_as_itself():
    assert starts(["Mo", "W"], ["W", "Mo"]) == {"W": "W", "Mo": "Mo"}
    assert starts(["Mo", "W"], ["W", "Ta"]) == {"W": "W", "Ta": "Mo"}


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        # Of one group each: no electronegativity could part them.
        (["Ga", "As"], ["In", "P"], {"In": "Ga", "P": "As"}),
        (["Li", "F"], ["Cl", "K"], {"Cl": "F", "K": "Li"}),
        # Of one group both: electronegativities are 2.16 and 1.7, of the others 1.6 and 1.5.
        (["Mo", "W"], ["Nb", "Ta"], {"Nb": "W", "Ta": "Mo"}),
        # The group goes before electronegativity: Be (1.57) is nearer to Al (1.61) than B (2.04).
        (["B", "Be"], ["Al"], {"Al": "B"}),
        # Cr and W are of the group of Mo; chromium's 1.66 is farther from 2.16 than 1.7.
        (["Cr", "W"], ["Mo"], {"Mo": "W"}),
    ],
)
def test_others_start_as_the_nearest(source, target, expected):
    assert starts(source, target) == expected


def test_several_elements_may_start_as_one_where_the_source_has_fewer():
    assert starts(["Si"], ["Ga", "As"]) == {"Ga": "Si", "As": "Si"}
    assert starts(["Si"], ["Ga", "As"], {"As": "Si"}) == {"Ga": "Si", "As": "Si"}
    assert starts(["Si", "C"], ["Ga", "As", "Ge"]) == {"Ge": "Si", "As": "C", "Ga": "Si"}


def test_what_is_given_comes_first():
    given = {"Nb": "Mo", "Ta": "W"}
    assert starts(["Mo", "W"], ["Nb", "Ta"], given) == given
    assert starts(["Mo", "W"], ["Nb", "Ta"], {"Ta": "W"}) == given
    # Even that two elements exchange what is known of them.
    exchanged = {"Mo": "W", "W": "Mo"}
    assert starts(["Mo", "W"], ["Mo", "W"], exchanged) == exchanged


def test_every_choice_has_its_reason():
    found = element_starts(["Ga", "Si", "As"], ["Al", "Si", "S"], {"S": "As"})
    assert [each.label() for each in found] == [
        "Al starts as Ga (the nearest by group, 0 away)",
        "Si starts as Si (the same element)",
        "S starts as As (as the suite says)",
    ]
    [alone] = element_starts(["Si"], ["Ge"])
    assert alone.reason == "the source's only element"


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        # Both are one group away: Pauling's electronegativities are 1.6 against 1.7 and 2.16.
        (
            ["Mo", "W"],
            ["Nb", "Ta"],
            {
                "Nb": "the nearest by electronegativity, which differs by 0.10",
                "Ta": "the only one left; W, nearer, is taken",
            },
        ),
        (["Al", "C", "P"], ["Si"], {"Si": "the nearest by group, 0 away"}),
        # No lanthanide but the first has a group.
        (["La", "O"], ["Ce", "Gd"], {"Gd": "the only one left; La, nearer, is taken"}),
        (
            ["Ga", "C", "Se"],
            ["In", "Al"],
            {"Al": "the nearest of those left by group, 1 away; Ga, nearer, is taken"},
        ),
    ],
    ids=["electronegativity", "group", "what is left", "the nearest of what is left"],
)
def test_a_reason_names_the_quantity_that_decided(source, target, expected):
    reasons = {each.target: each.reason for each in element_starts(source, target)}
    assert {symbol: reasons[symbol] for symbol in expected} == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"In": "Mo"}, "elements: the target has no In; its elements are Nb, Ta"),
        ({"Nb": "Ga"}, "elements: the source has no Ga; its elements are Mo, W"),
        (
            {"Nb": "W", "Ta": "W"},
            "Nb .* and Ta .* both start as W.*the source has 2 elements for 2",
        ),
    ],
    ids=["unknown target", "unknown source", "not one to one"],
)
def test_a_map_that_cannot_be_is_refused(given, message):
    with pytest.raises(InputError, match=message):
        element_starts(["Mo", "W"], ["Nb", "Ta"], given)


def test_a_given_start_must_differ_from_that_of_an_element_that_both_ends_have():
    message = r"Nb \(as the suite says\) and Mo \(the same element\) both start as Mo"
    with pytest.raises(InputError, match=message):
        element_starts(["Mo", "W"], ["Mo", "Nb"], {"Nb": "Mo"})
    given = {"Nb": "Mo", "Mo": "W"}
    assert starts(["Mo", "W"], ["Mo", "Nb"], given) == given
    assert starts(["Mo"], ["Mo", "Nb"], {"Nb": "Mo"}) == {"Mo": "Mo", "Nb": "Mo"}
