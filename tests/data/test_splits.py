"""Training subsets are nested, reproducible, and different from seed to seed."""

import numpy as np
import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st

from tlbench.base.errors import InputError
from tlbench.data.splits import Share, chosen, chosen_indices, nested_subset

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
