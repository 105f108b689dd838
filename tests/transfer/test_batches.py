"""Batches use every structure equally often, whoever asks when."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tlbench.transfer.batches import BatchOrder

sizes = st.integers(1, 30)
seeds = st.integers(0, 1 << 62)


@given(n_frames=sizes, batch_size=sizes, seed=seeds)
def test_every_structure_is_used_equally_often(n_frames, batch_size, seed):
    order = BatchOrder(n_frames, batch_size, seed)
    size = min(batch_size, n_frames)
    # After n updates of s structures, n·s structures are s whole passes.
    batches = [order.batch(update).numpy() for update in range(n_frames)]

    assert all(len(batch) == size for batch in batches)
    passes = np.concatenate(batches).reshape(size, n_frames)
    assert (np.sort(passes, axis=1) == np.arange(n_frames)).all()


@given(n_frames=sizes, batch_size=sizes, seed=seeds, asked=st.permutations(range(12)))
def test_a_batch_does_not_depend_on_what_was_asked_before(n_frames, batch_size, seed, asked):
    order = BatchOrder(n_frames, batch_size, seed)
    for update in asked:
        fresh = BatchOrder(n_frames, batch_size, seed)
        assert torch.equal(order.batch(update), fresh.batch(update))


@pytest.mark.parametrize("n_frames", [1, 3, 5])
def test_fewer_structures_than_a_batch_are_all_used_every_time(n_frames):
    order = BatchOrder(n_frames, 5, seed=0)
    for update in range(4):
        assert sorted(order.batch(update).tolist()) == list(range(n_frames))


def test_passes_and_seeds_are_shuffled_differently():
    order, other = BatchOrder(40, 40, seed=0), BatchOrder(40, 40, seed=1)
    shuffled = [order.batch(0), order.batch(1), other.batch(0), torch.arange(40)]
    for number, one in enumerate(shuffled):
        for two in shuffled[number + 1 :]:
            # Two random permutations agree in about one place.
            assert int((one == two).sum()) < 8
