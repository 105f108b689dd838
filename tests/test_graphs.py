"""Neighbour lists equal a brute-force search over images, and batches equal their parts."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from ase import Atoms
from hypothesis import assume, given
from hypothesis import strategies as st
from structures import LATTICE_CONSTANT, diamond, liquid, skewed

from tlbench.data.frames import Frames
from tlbench.graphs import Graph, GraphSet, Topology, graph_of, near, neighbours, within
from tlbench.kernels.library import SWITCH


def perpendicular_widths(cell: np.ndarray) -> np.ndarray:
    return 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)


def brute_force(
    positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, cutoff: float
) -> list[tuple[int, ...]]:
    """Return (i, j, S), sorted, of every pair within ``cutoff`` among all images near enough."""
    reach = np.zeros(3, dtype=int)
    if pbc.any():
        fractional = positions @ np.linalg.inv(cell)
        # Layers of the lattice lie a perpendicular width apart.
        layers = np.ceil(cutoff / perpendicular_widths(cell) + np.ptp(fractional, axis=0))
        reach = np.where(pbc, layers.astype(int) + 1, 0)
    images = np.array(list(itertools.product(*[range(-n, n + 1) for n in reach])))
    translations = images @ cell
    found = []
    for i, j in itertools.product(range(len(positions)), repeat=2):
        distance = np.linalg.norm(positions[j] + translations - positions[i], axis=1)
        near = distance <= cutoff
        if i == j:
            near &= (images != 0).any(axis=1)
        found += [(i, j, *image) for image in images[near].tolist()]
    return sorted(found)


def unambiguous(
    positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, cutoff: float
) -> list[tuple[int, ...]]:
    """Return ``brute_force``, and drop the example if rounding decides whether a pair is in."""
    inner, outer = (brute_force(positions, cell, pbc, cutoff + d) for d in (-1e-9, 1e-9))
    assume(inner == outer)
    return inner


def edges_of(topology: Topology) -> list[tuple[int, ...]]:
    assert topology.shift.dtype == np.float64
    assert topology.edge_index.dtype == np.int64
    whole = topology.shift.astype(int)
    assert (whole == topology.shift).all()
    return [
        (i, j, *shift)
        for i, j, shift in zip(*topology.edge_index.tolist(), whole.tolist(), strict=True)
    ]


@st.composite
def cells(draw: st.DrawFn) -> np.ndarray:
    """Draw a cell, right- or left-handed, often strongly skewed, at least 2 Å wide."""
    entries = draw(st.lists(st.floats(-8, 8, width=32), min_size=9, max_size=9))
    cell = np.array(entries).reshape(3, 3)
    assume(abs(np.linalg.det(cell)) > 1.0)
    cell *= max(1.0, 2.0 / perpendicular_widths(cell).min())
    assume(np.linalg.norm(cell, axis=1).max() < 40.0)
    return cell


# Fractional coordinates far outside [0, 1) put atoms outside the cell.
coordinates = st.lists(
    st.tuples(*[st.floats(-2.5, 2.5, width=32)] * 3), min_size=1, max_size=4, unique=True
)
cutoffs = st.floats(3.0, 6.0)
some_pbc = st.tuples(st.booleans(), st.booleans(), st.booleans())


@given(cells(), coordinates, cutoffs)
def test_neighbours_are_those_of_a_brute_force_search(cell, fractional, cutoff):
    pbc = np.ones(3, dtype=bool)
    positions = np.array(fractional) @ cell
    expected = unambiguous(positions, cell, pbc, cutoff)
    assert edges_of(neighbours(positions, cell, pbc, cutoff)) == expected


@given(cells(), coordinates, cutoffs, some_pbc)
def test_neighbours_are_right_where_only_some_directions_repeat(cell, fractional, cutoff, periodic):
    pbc = np.array(periodic)
    positions = np.array(fractional) @ cell
    expected = unambiguous(positions, cell, pbc, cutoff)
    assert edges_of(neighbours(positions, cell, pbc, cutoff)) == expected


@given(coordinates, cutoffs)
def test_neighbours_need_no_cell_where_nothing_repeats(fractional, cutoff):
    positions = 3.0 * np.array(fractional)
    cell, pbc = np.zeros((3, 3)), np.zeros(3, dtype=bool)
    expected = unambiguous(positions, cell, pbc, cutoff)
    assert edges_of(neighbours(positions, cell, pbc, cutoff)) == expected


def test_a_slab_needs_no_third_lattice_vector():
    flat, thick = np.diag([2.5, 3.0, 0.0]), np.diag([2.5, 3.0, 50.0])
    positions, pbc = np.array([[0.1, 0.2, 0.3], [1.0, 4.0, 2.0]]), np.array([True, True, False])
    found = edges_of(neighbours(positions, flat, pbc, 5.2))
    assert found == brute_force(positions, thick, pbc, 5.2)
    assert len(found) > 20


@given(cells(), coordinates, cutoffs, st.data())
def test_moving_an_atom_by_a_lattice_vector_changes_no_edge_vector(cell, fractional, cutoff, data):
    positions = np.array(fractional) @ cell
    pbc = np.ones(3, dtype=bool)
    expected = unambiguous(positions, cell, pbc, cutoff)
    whole = st.tuples(*[st.integers(-3, 3)] * 3)
    moves = np.array([data.draw(whole) for _ in fractional])
    found = neighbours(positions + moves @ cell, cell, pbc, cutoff)
    i, j = found.edge_index
    # The neighbour's image follows its atom and the centre's move: S' = S − m_j + m_i.
    shift = (found.shift + moves[j] - moves[i]).astype(int)
    assert sorted(zip(i.tolist(), j.tolist(), *shift.T.tolist(), strict=True)) == expected


@pytest.mark.parametrize("primitive", [False, True])
def test_shells_of_diamond(primitive):
    crystal = diamond("Si", primitive=primitive)
    a = LATTICE_CONSTANT["Si"]
    # The fourth shell, at a, lies beyond the cutoff.
    graph = graph_of(crystal, cutoff=0.9 * a)
    distances = graph.edge_vectors().norm(dim=1).numpy()
    centre = graph.edge_index[0].numpy()
    shells = [(4, a * np.sqrt(3) / 4), (12, a / np.sqrt(2)), (12, a * np.sqrt(11) / 4)]
    expected = np.concatenate([np.full(count, radius) for count, radius in shells])
    for atom in range(graph.n_atoms):
        found = np.sort(distances[centre == atom])
        assert found.shape == expected.shape
        assert found == pytest.approx(expected, rel=1e-12)


def test_an_atom_neighbours_its_own_images():
    a = 2.5
    cube = Frames.unlabelled([Atoms("Si", cell=[a, a, a], pbc=True, positions=[(7.1, -3.2, 0.4)])])
    # Simple cubic shells: 6 at a, 12 at √2 a, 8 at √3 a, 6 at 2a.
    graph = graph_of(cube, cutoff=2.1 * a)
    assert (graph.edge_index == 0).all()
    distances = np.sort(graph.edge_vectors().norm(dim=1).numpy())
    radii = np.repeat(np.sqrt([1, 2, 3, 4]) * a, [6, 12, 8, 6])
    assert distances == pytest.approx(radii, rel=1e-12)


def test_edges_are_in_canonical_order():
    frames = skewed(n_atoms=5, seed=1)
    found = edges_of(neighbours(frames.positions, frames.cell[0], frames.pbc[0], 6.0))
    assert len(found) > 100
    assert found == sorted(found)


# --- batches ---------------------------------------------------------------------------------


def several() -> Frames:
    """Return structures of different sizes: with no edge, not periodic, in a left-handed cell."""
    left_handed = skewed("Ge", n_atoms=1, seed=4)
    left_handed = replace(left_handed, cell=left_handed.cell[:, ::-1])
    return Frames.concatenate(
        [
            liquid("Ge", n_atoms=5, seed=2),
            Frames.unlabelled([Atoms("Si")]),
            skewed("Si", n_atoms=3, seed=3),
            Frames.unlabelled([Atoms("SiGe", positions=[(0, 0, 0), (1, 2, 0)], cell=[9, 9, 9])]),
            left_handed,
        ]
    )


FRAMES = several()
CUTOFF = 4.0
FIELDS = ("atomic_numbers", "positions", "system", "edge_index", "edge_shift", "volume")


def joined(graphs: list[Graph]) -> dict[str, torch.Tensor]:
    """Return the fields of one graph of all ``graphs``, written out by hand."""
    edges, systems, n_atoms = [], [], 0
    for number, graph in enumerate(graphs):
        edges.append(graph.edge_index + n_atoms)
        systems.append(graph.system + number)
        n_atoms += graph.n_atoms
    fields = {
        name: torch.cat([getattr(g, name) for g in graphs])
        for name in ("atomic_numbers", "positions", "edge_shift", "volume")
    }
    return {**fields, "edge_index": torch.cat(edges, dim=1), "system": torch.cat(systems)}


@given(st.lists(st.integers(0, len(FRAMES) - 1), min_size=1, max_size=8))
def test_a_batch_is_its_structures_one_after_the_other(indices):
    batch = GraphSet(FRAMES, CUTOFF).batch(indices)
    expected = joined([graph_of(FRAMES.select([i]), CUTOFF) for i in indices])
    for name in FIELDS:
        assert torch.equal(getattr(batch, name), expected[name]), name
    assert batch.n_systems == len(indices)
    assert batch.n_atoms == FRAMES.n_atoms[indices].sum()
    assert batch.most_edges == batch.edge_index[0].bincount(minlength=1).max()


def test_a_graph_holds_the_structure():
    graph = graph_of(FRAMES, CUTOFF)
    assert graph.atomic_numbers.tolist() == FRAMES.atomic_numbers.tolist()
    assert (graph.positions.numpy() == FRAMES.positions).all()
    assert graph.system.tolist() == [0] * 5 + [1] + [2] * 3 + [3] * 2 + [4]
    volumes = np.abs(np.linalg.det(FRAMES.cell))
    assert graph.volume.numpy() == pytest.approx(volumes * [1, 0, 1, 0, 1], rel=1e-14)
    assert volumes[3] > 0


def test_edge_vectors_lead_from_the_centre_to_the_image_of_the_neighbour():
    graph = graph_of(FRAMES, CUTOFF)
    start = FRAMES.atom_start
    expected = []
    for index, cell in enumerate(FRAMES.cell):
        positions = FRAMES.select([index]).positions
        for i, j, *shift in brute_force(positions, cell, FRAMES.pbc[index], CUTOFF):
            expected.append((start[index] + i, *(positions[j] + shift @ cell - positions[i])))
    centre = graph.edge_index[0].numpy()
    found = np.column_stack([centre, graph.edge_vectors().numpy()])
    assert found == pytest.approx(np.array(expected), abs=1e-12)


def test_rows_are_those_of_the_structures():
    rows = GraphSet(FRAMES, CUTOFF).rows(torch.tensor([2, 0, 2]))
    assert rows.n_atoms.tolist() == [3, 5, 3]
    assert rows.atoms.tolist() == [6, 7, 8, 0, 1, 2, 3, 4, 6, 7, 8]


def test_at_replaces_the_coordinates_and_keeps_the_topology():
    graph = graph_of(FRAMES, CUTOFF)
    shrunk = graph.at(0.5 * graph.positions, 0.5 * graph.edge_shift)
    torch.testing.assert_close(shrunk.edge_vectors(), 0.5 * graph.edge_vectors())
    assert torch.equal(shrunk.edge_index, graph.edge_index)
    assert torch.equal(graph.at(0.5 * graph.positions).edge_shift, graph.edge_shift)


def test_single_precision():
    double = graph_of(FRAMES, CUTOFF)
    for single in (
        graph_of(FRAMES, CUTOFF, dtype=torch.float32),
        double.to("cpu", torch.float32),
    ):
        for name in ("positions", "edge_shift", "volume"):
            assert getattr(single, name).dtype == torch.float32
        for name in ("atomic_numbers", "system", "edge_index"):
            assert torch.equal(getattr(single, name), getattr(double, name))
        vectors = single.edge_vectors()
        assert vectors.dtype == torch.float32
        # Rounding of coordinates of some 10 Å.
        torch.testing.assert_close(vectors.double(), double.edge_vectors(), rtol=0, atol=3e-6)


@pytest.mark.parametrize("kernels", ["on", "off"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(
    "frames",
    [
        liquid(n_atoms=20),
        skewed(n_atoms=3),
        diamond(primitive=True),
        Frames.concatenate([diamond(rattle=0.1), liquid(n_atoms=12), diamond("Ge", rattle=0.1)]),
    ],
    ids=["liquid", "skewed", "primitive", "batch"],
)
def test_a_graph_within_a_shorter_cutoff_is_the_one_built_for_it(
    frames, dtype, kernels, monkeypatch
):
    """Edges, their order and their reverses, and the squares of their lengths."""
    monkeypatch.setenv(SWITCH, kernels)
    long = graph_of(frames, 6.0, dtype=dtype)
    # No edge is as long as any of these but for the last digits.
    for cutoff in (1.0, 3.31, 4.73, 6.0):
        (found, squares), expected = near(long, cutoff), graph_of(frames, cutoff, dtype=dtype)
        for name in ("edge_index", "edge_shift", "reverse_edge"):
            assert torch.equal(getattr(found, name), getattr(expected, name)), (cutoff, name)
        torch.testing.assert_close(squares, expected.edge_vectors().square().sum(dim=1))
        assert torch.equal(squares[found.reverse_edge], squares)
        assert torch.equal(within(long, cutoff).edge_index, found.edge_index)


def test_lengths_that_are_differentiated_keep_their_derivative():
    graph = graph_of(liquid(n_atoms=20), 6.0)
    positions = graph.positions.clone().requires_grad_()
    _, squares = near(graph.at(positions), 4.0)
    (slope,) = torch.autograd.grad(squares.sum(), positions)
    assert float(slope.abs().max()) > 1


def test_a_pair_at_the_cutoff_is_kept_both_ways_or_not_at_all():
    """Crystals have many edges of one length, which rounding makes a little longer or shorter."""
    frames = Frames.concatenate(
        [diamond(lattice_constant=5.43 + 1e-3 * n, rattle=1e-15) for n in range(20)]
    )
    long = graph_of(frames, 6.0)
    for shell in (3**0.5 / 4, 0.5**0.5, 11**0.5 / 4):
        for n in range(20):
            found, squares = near(long, shell * (5.43 + 1e-3 * n))
            assert torch.equal(found.reverse_edge[found.reverse_edge], torch.arange(len(squares)))
            ends = found.edge_index[:, found.reverse_edge]
            assert torch.equal(ends, found.edge_index.flip(0))
