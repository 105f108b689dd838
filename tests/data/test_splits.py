"""Training subsets are nested, reproducible, and different from seed to seed."""

from dataclasses import replace

import numpy as np
import pytest
import tiny
from ase import Atoms
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tlbench.base.errors import InputError
from tlbench.data.cards import load_card
from tlbench.data.frames import Frames
from tlbench.data.splits import (
    Share,
    Split,
    chosen,
    chosen_indices,
    divide,
    nested_subset,
)

seeds = st.integers(0, 2**31)


@given(st.integers(1, 300), seeds, st.data())
def test_a_smaller_subset_begins_a_larger_one(n_frames, seed, data):
    size = data.draw(st.integers(1, n_frames))
    smaller = data.draw(st.integers(1, size))
    large = nested_subset(n_frames, size, seed)
    assert large.shape == (size,)
    assert large.dtype == np.int64
    assert len(set(large.tolist())) == size
    assert 0 <= large.min() <= large.max() < n_frames
    np.testing.assert_array_equal(nested_subset(n_frames, smaller, seed), large[:smaller])


@given(seeds, seeds)
def test_another_seed_draws_another_subset(first, second):
    # 195 structures: two seeds agree on all of their first 100 with a chance below 1e-200.
    same = (nested_subset(195, 100, first) == nested_subset(195, 100, second)).all()
    assert same == (first == second)


def test_every_structure_is_as_likely_as_any_other():
    n_frames, size, draws = 20, 5, 4000
    counts = np.zeros(n_frames)
    for seed in range(draws):
        counts[nested_subset(n_frames, size, seed)] += 1
    mean = draws * size / n_frames
    deviation = np.sqrt(mean * (1 - size / n_frames))
    assert np.abs(counts - mean).max() < 5 * deviation


def test_the_draw_never_changes():
    # Published records were made with these structures.
    assert nested_subset(195, 10, 0).tolist() == [82, 27, 147, 148, 85, 81, 170, 190, 38, 5]


@pytest.mark.parametrize("size", [-1, 0, 11])
def test_a_size_out_of_range_is_refused(size):
    with pytest.raises(InputError, match=f"subset of {size} .* from 10; .* from 1 to 10"):
        nested_subset(10, size, 0)


def test_shares_are_nested_and_of_the_temperatures_asked_for():
    frames = tiny.crystals("Ge", 30)
    some, more = (choose_indices(frames, share) for share in (0.1, 0.3))
    assert len(some) == 3
    assert list(more[:3]) == list(some)
    cold = chosen(frames, Share(share=0.5, seed=0, temperatures_k=[300.0]))
    assert set(cold.temperature_k) == {300.0}
    assert len(cold) == 5
    assert len(chosen(frames, None)) == 30
    # Even the smallest share has a structure.
    assert len(chosen(frames, Share(share=0.001, seed=0))) == 1
    with pytest.raises(InputError, match="No training structure was sampled at 700 K"):
        chosen(frames, Share(share=1.0, seed=0, temperatures_k=[700.0]))


def choose_indices(frames, share):
    return chosen_indices(frames, Share(share=share, seed=4))


# --- whole compositions ----------------------------------------------------------------------


def alloys(counts: dict[str, int]) -> Frames:
    """Return as many structures of each formula."""
    images = [Atoms(formula, cell=[9, 9, 9], pbc=True) for formula in counts]
    frames = Frames.unlabelled(images)
    return frames.select(np.repeat(np.arange(len(counts)), list(counts.values())))


def by_composition(seed: int = 0, test: int = 3, **frames: int) -> Split:
    return Split.model_validate(
        {
            "name": "s",
            "order": "compositions",
            "seed": seed,
            "train": {"files": ["a"], "frames": frames.get("train", 4)},
            "validation": {"files": ["a"], "frames": frames.get("validation", 2)},
            "test": {"files": ["b"], "frames": test},
        }
    )


@given(seeds)
def test_each_composition_is_in_one_part_only(seed):
    files = {
        "a": alloys({"MoW": 3, "MoW3": 2, "Mo3W": 2, "MoW7": 2, "Mo7W": 2}),
        # The test file has a composition of the other in another cell.
        "b": alloys({"Mo2W2": 2, "Mo5W3": 1}),
    }
    parts = divide(files, by_composition(seed))
    found = {name: set(part.composition) for name, part in parts.items()}
    assert found["test"] == {"MoW", "Mo5W3"}
    assert len(found["validation"]) == 1
    assert not found["train"] & (found["validation"] | found["test"])
    assert not found["validation"] & found["test"]


def test_another_seed_draws_other_compositions():
    files = {"a": alloys({"MoW3": 2, "Mo3W": 2, "MoW7": 2}), "b": alloys({"Mo5W3": 3})}
    drawn = {divide(files, by_composition(seed))["validation"].composition[0] for seed in range(20)}
    assert len(drawn) == 3


def test_a_composition_is_not_divided():
    files = {"a": alloys({"MoW3": 2, "Mo3W": 2, "MoW7": 2}), "b": alloys({"Mo5W3": 3})}
    with pytest.raises(InputError, match=r"split\.validation asks for 1 frames, which divides"):
        divide(files, by_composition(validation=1))
    with pytest.raises(InputError, match=r"one composition \(Mo5W3\); ask for 3\.$"):
        divide(files, by_composition(test=2))
    with pytest.raises(
        InputError, match=r"split\.validation asks for 3 frames.*; ask for 2 or 4\."
    ):
        divide(files, by_composition(validation=3))
    # Structures of the test compositions are in no other part.
    files["a"] = alloys({"MoW3": 2, "Mo3W": 2, "Mo10W6": 2})
    with pytest.raises(InputError, match=r"split\.train asks for 4 frames, but 6 match it, of"):
        divide(files, by_composition())


# --- ranges of files -------------------------------------------------------------------------


def in_ranges(**ranges: list[list[int]]) -> Split:
    parts = {
        name: {"files": ["b" if name == "test" else "a"], "frames": 2, "ranges": ranges[name]}
        for name in ("train", "validation", "test")
    }
    return Split.model_validate({"name": "s", "order": "last", **parts})


def test_ranges_are_counted_in_each_file():
    files = {name: tiny.crystals("Ge", 9, seed=seed) for seed, name in enumerate("ab")}
    parts = divide(
        files, in_ranges(train=[[0, 1], [3, 4]], validation=[[6, 8]], test=[[1, 2], [4, 5]])
    )
    found = {name: part.trajectory.tolist() for name, part in parts.items()}
    assert found == {"train": [0, 3], "validation": [6, 7], "test": [1, 4]}
    assert np.array_equal(parts["test"].positions[:8], files["b"].positions[8:16])
    with pytest.raises(InputError, match=r"split\.train asks for 2 frames, but 1 match it"):
        divide(files, in_ranges(train=[[8, 20]], validation=[[0, 9]], test=[[0, 9]]))


def test_ranges_count_frames_that_a_reader_has_left_out():
    """As an isolated atom in front, with which users and messages count the frames."""
    nine = tiny.crystals("Ge", 9)
    files = {"a": replace(nine.select(np.arange(1, 9)), trajectory=np.arange(1, 9)), "b": nine}
    split = in_ranges(train=[[1, 3]], validation=[[6, 8]], test=[[0, 2]])
    found = {name: part.trajectory.tolist() for name, part in divide(files, split).items()}
    assert found == {"train": [1, 2], "validation": [6, 7], "test": [0, 1]}
    renumbered = {n: replace(f, trajectory=np.arange(len(f)) + 50) for n, f in files.items()}
    places = {name: frames.trajectory for name, frames in files.items()}
    parts = divide(renumbered, split, places)
    assert parts["train"].trajectory.tolist() == [50, 51]


def test_a_range_has_a_first_and_an_end():
    for ranges in ([[1]], [[-1, 3]], [[1, 2, 3]], [["a", 3]]):
        with pytest.raises(ValidationError, match="ranges"):
            in_ranges(train=ranges, validation=[[0, 1]], test=[[0, 1]])


def test_a_card_without_ranges_has_the_recipe_that_it_had():
    """Published results name it."""
    assert load_card("mlearn-si").digest().startswith("4ae7c194444590418")
    assert "ranges" not in load_card("mlearn-si").recipe()["origin"]["split"]["train"]
    assert "ranges" in load_card("zuo-cu").recipe()["origin"]["split"]["train"]
