"""Alike findings become one, with numbers that hold for all of them."""

import doctest

import pytest

from tlbench.data.inspection import finding
from tlbench.data.inspection.finding import EVERYWHERE, Finding, listed, measured, merge

NET = "Net force of {0:.3g} meV/Å per atom, at forces of {1:.0f}."


def net(frame, *values):
    return measured("warning", "net-force", frame, NET, *values)


def test_examples():
    assert doctest.testmod(finding).failed == 0


def test_numbers_become_ranges():
    (one,) = merge(
        [net("a frame 4", 8.4, 100), net("a frame 0", 1.2, 100.4), net("b frame 1", 3, 99)]
    )
    assert one.message == "Net force of 1.2 to 8.4 meV/Å per atom, at forces of 99 to 100."
    assert one.frame == "3 frames: a frame 0, 4; b frame 1"
    assert (one.severity, one.check) == ("warning", "net-force")


def test_a_single_finding_stays_as_it_is():
    assert merge([net("a frame 4", 8.4, 100)]) == [net("a frame 4", 8.4, 100)]


def test_what_differs_in_severity_check_or_pattern_is_not_merged():
    other = [
        net("a frame 0", 1, 2),
        Finding("error", "net-force", "a frame 1", "Net force."),
        Finding("warning", "net-force", "a frame 1", "Net force."),
        Finding("warning", "forces", "a frame 1", "Net force."),
    ]
    assert merge(other) == other


def test_messages_without_a_pattern_are_merged_if_they_are_equal():
    said = [Finding("error", "labels", f"a frame {n}", "Has no {energy}.") for n in (0, 2)]
    (one,) = merge(said)
    assert (one.frame, one.message) == ("2 frames: a frame 0, 2", "Has no {energy}.")


def test_findings_about_everything_are_not_counted_as_frames():
    about_all = Finding("warning", "units", EVERYWHERE, "Odd.")
    assert merge([about_all, Finding("warning", "units", "a frame 1", "Odd.")])[0] == about_all


def test_words_are_listed():
    pattern = "The same structure as {0}."
    found = [
        measured("error", "leak", f"test frame {n}", pattern, f"train frame {2 * n}")
        for n in range(20)
    ]
    (one,) = merge(found)
    assert one.frame == "20 frames: test frame 0–19"
    assert one.message == "The same structure as train frame 0, 2, 4, 6, 8 and 15 more."


def test_words_that_belong_to_a_frame_are_left_out():
    found = [
        measured(
            "error", "leak", f"test frame {n}", "As {0}, by {1:g} Å.", f"train frame {n + 9}", n,
            several="As other frames, by {1:g} Å.",
        )
        for n in (10, 9, 2)
    ]  # fmt: skip
    (one,) = merge(found)
    assert one.frame == "3 frames: test frame 2, 9–10"
    assert one.message == "As other frames, by 2 to 10 Å."
    assert merge(found[:1])[0].message == "As train frame 19, by 10 Å."


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["a b.xyz frame 7"], "a b.xyz frame 7"),
        (
            [f"x frame {n}" for n in (0, 1, 2, 5, 8, 9, 11, 13, 15, 16)],
            "x frame 0–2, 5, 8–9, 11, 13 and 2 more",
        ),
        (["split", "x frame 1"], "split; x frame 1"),
        (["Si", "Ge"], "Si; Ge"),
        (["x frame 1, 3", "x frame 2, 5"], "x frame 1, 3; x frame 2, 5"),
    ],
)
def test_names_are_listed_by_file_and_run(names, text):
    assert listed(names) == text
