"""Neighbour lists with a skin lose no pair, and are rebuilt when needed and only then."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from structures import diamond, liquid, skewed

from tlbench.data.frames import Frames
from tlbench.graphs import Graph, graph_of
from tlbench.md.langevin import Langevin
from tlbench.md.neighbours import SkinnedNeighbours
from tlbench.reference.stillinger_weber import Labels, StillingerWeber

SKIN = 0.6


def displaced(frames: Frames, atom: int, distance: float) -> torch.Tensor:
    positions = torch.as_tensor(frames.positions).clone()
    positions[atom] += distance * torch.tensor([0.6, 0.0, -0.8], dtype=torch.float64)
    return positions


def edges_within(graph: Graph, cutoff: float) -> set[tuple[float, ...]]:
    """Return (i, j, S·cell) of the edges shorter than ``cutoff``."""
    short = graph.edge_vectors().norm(dim=1) < cutoff
    pairs = graph.edge_index[:, short].T.tolist()
    shifts = graph.edge_shift[short].numpy().round(6) + 0.0
    return {(*pair, *shift) for pair, shift in zip(pairs, shifts.tolist(), strict=True)}


def assert_same(found: Labels, expected: Labels) -> None:
    for name in ("energy", "forces", "stress"):
        torch.testing.assert_close(
            getattr(found, name), getattr(expected, name), rtol=0, atol=1e-10
        )


def test_labels_along_a_hot_trajectory_are_those_of_fresh_lists():
    start = Frames.concatenate([diamond(), diamond(primitive=True), skewed(n_atoms=3)])
    potential = StillingerWeber("Si")
    lists = SkinnedNeighbours(start, potential.cutoff, SKIN)
    dynamics = Langevin(start, [4000.0, 3000.0, 1000.0], 1.0, 50.0, seeds=[1, 2, 3])
    state = dynamics.init(lambda x: potential(lists.graph(x)).forces)
    n_steps = 200
    for step in range(n_steps):
        state = dynamics.step(state, lambda x: potential(lists.graph(x)).forces)
        if step % 5 == 0:
            now = replace(start, positions=state.positions.numpy())
            assert_same(
                potential(lists.graph(state.positions)),
                potential(graph_of(now, potential.cutoff)),
            )
    # Atoms have left their places, and most steps have still reused the lists.
    assert 10 < lists.n_rebuilt < 3 * n_steps / 4


@pytest.mark.parametrize("start", [liquid(n_atoms=12), skewed(n_atoms=2)], ids=["cube", "skewed"])
def test_no_pair_is_lost_when_every_atom_has_moved_just_less_than_half_the_skin(start):
    cutoff = 3.77
    lists = SkinnedNeighbours(start, cutoff, SKIN)
    lists.graph(torch.as_tensor(start.positions))
    directions = np.random.default_rng(0).normal(size=(200, *start.positions.shape))
    directions /= np.linalg.norm(directions, axis=2, keepdims=True)
    for direction in directions:
        positions = start.positions + 0.4999 * SKIN * direction
        skinned = lists.graph(torch.as_tensor(positions))
        fresh = graph_of(replace(start, positions=positions), cutoff)
        assert edges_within(skinned, cutoff) == edges_within(fresh, cutoff)
    assert lists.n_rebuilt == 1


def test_a_list_is_rebuilt_once_an_atom_has_moved_half_the_skin():
    start = diamond(rattle=0.1)
    lists = SkinnedNeighbours(start, 3.77, SKIN)
    for distance, n_rebuilt in [(0.0, 1), (0.45, 1), (0.499, 1), (0.501, 2), (0.95, 2), (1.1, 3)]:
        lists.graph(displaced(start, 5, distance * SKIN))
        assert lists.n_rebuilt == n_rebuilt, distance
    # Going back is moving too: the last list was built 1.1 skins away.
    lists.graph(torch.as_tensor(start.positions))
    assert lists.n_rebuilt == 4


def test_each_system_is_rebuilt_on_its_own():
    start = Frames.concatenate([diamond(), liquid(n_atoms=12), diamond(primitive=True)])
    lists = SkinnedNeighbours(start, 3.77, SKIN)
    at_first = lists.graph(torch.as_tensor(start.positions))
    assert lists.n_rebuilt == 3

    # Atom 10 is the third of the second system.
    later = lists.graph(displaced(start, 10, 2.5))

    assert lists.n_rebuilt == 4
    for system in range(3):
        before, after = (
            torch.cat([g.edge_index.T.to(g.edge_shift.dtype), g.edge_shift], dim=1)[
                g.system[g.edge_index[0]] == system
            ]
            for g in (at_first, later)
        )
        assert torch.equal(before, after) == (system != 1)


def test_a_list_does_not_depend_on_what_its_system_is_batched_with():
    mover, other = diamond(rattle=0.1, seed=1), liquid(n_atoms=12)
    together = SkinnedNeighbours(Frames.concatenate([other, mover]), 3.77, SKIN)
    alone = SkinnedNeighbours(mover, 3.77, SKIN)
    for step in range(12):
        positions = displaced(mover, 2, 0.2 * SKIN * step)
        # The other system is rebuilt at other times.
        others = displaced(other, 3, 0.37 * SKIN * step)
        batched = together.graph(torch.cat([others, positions]))
        single = alone.graph(positions)
        chosen = batched.system[batched.edge_index[0]] == 1
        assert torch.equal(batched.edge_index[:, chosen] - 12, single.edge_index)
        assert torch.equal(batched.edge_shift[chosen], single.edge_shift)
    assert 1 < alone.n_rebuilt < 12


def test_atoms_may_drift_through_many_cells():
    start = diamond(rattle=0.1)
    potential = StillingerWeber("Si")
    lists = SkinnedNeighbours(start, potential.cutoff, SKIN)
    expected = potential(graph_of(start, potential.cutoff))
    translation = torch.tensor([[31.0, -17.0, 8.0]], dtype=torch.float64)

    lists.graph(torch.as_tensor(start.positions))
    found = potential(lists.graph(torch.as_tensor(start.positions) + translation))

    assert_same(found, expected)
