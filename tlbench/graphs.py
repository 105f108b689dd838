"""Periodic neighbour lists and batched graphs.

A *topology* (who neighbours whom, through which periodic image) is computed once per frame with
a compiled cell list and reused for every batch the frame appears in.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from vesin import NeighborList

from tlbench.data.frames import Frames
from tlbench.kernels.library import address, call, library_for


@dataclass(frozen=True)
class Graph:
    """A batch of structures as one graph.

    ==============  ============  ====  ======================================================
    attribute       shape         unit  meaning
    ==============  ============  ====  ======================================================
    atomic_numbers  (n_atoms,)          atomic number of each atom
    positions       (n_atoms, 3)  Å     Cartesian positions
    system          (n_atoms,)          structure that each atom belongs to
    edge_index      (2, n_edges)        centre i and neighbour j, sorted by centre
    edge_shift      (n_edges, 3)  Å     S·cell, the lattice translation of the neighbour
    reverse_edge    (n_edges,)          the edge j → i through the opposite image
    volume          (n_systems,)  Å³    volume of each cell; 0 where not periodic
    most_edges                          bound on the edges of any atom; None if not counted
    ==============  ============  ====  ======================================================

    A pair appears once per periodic image within the cutoff, so also several times in small
    cells, and an atom may neighbour its own images. A list built with a skin also holds edges
    longer than the cutoff; a backbone must give them no weight. Edges are counted on the host,
    where the list is made: a count on an accelerator has to be waited for.
    """

    atomic_numbers: Tensor
    positions: Tensor
    system: Tensor
    edge_index: Tensor
    edge_shift: Tensor
    reverse_edge: Tensor
    volume: Tensor
    most_edges: int | None = None

    @property
    def n_atoms(self) -> int:
        """Number of atoms in the batch."""
        return self.positions.shape[0]

    @property
    def n_systems(self) -> int:
        """Number of structures in the batch."""
        return self.volume.shape[0]

    def edge_vectors(self) -> Tensor:
        """Return r = x_j + S·cell − x_i of every edge, shape (n_edges, 3), Å."""
        centre, neighbour = self.edge_index
        return self.positions[neighbour] + self.edge_shift - self.positions[centre]

    def at(self, positions: Tensor, edge_shift: Tensor | None = None) -> "Graph":
        """Return the graph with other coordinates and the same topology."""
        shift = self.edge_shift if edge_shift is None else edge_shift
        return replace(self, positions=positions, edge_shift=shift)

    def to(self, device: torch.device | str, dtype: torch.dtype) -> "Graph":
        """Return the graph on ``device`` with coordinates in ``dtype``."""
        return Graph(
            atomic_numbers=self.atomic_numbers.to(device),
            positions=self.positions.to(device, dtype),
            system=self.system.to(device),
            edge_index=self.edge_index.to(device),
            edge_shift=self.edge_shift.to(device, dtype),
            reverse_edge=self.reverse_edge.to(device),
            volume=self.volume.to(device, dtype),
            most_edges=self.most_edges,
        )


@dataclass(frozen=True)
class Topology:
    """Neighbours of one structure: ``edge_index`` (2, n_edges) and images ``shift`` (n_edges, 3).

    ``shift`` holds the integers S. Edges are in the canonical order (i, j, S). ``reverse``
    (n_edges,) is the place of the edge (j, i, −S).
    """

    edge_index: npt.NDArray[np.int64]
    shift: npt.NDArray[np.float64]
    reverse: npt.NDArray[np.int64]


def neighbours(
    positions: npt.NDArray[np.float64],
    cell: npt.NDArray[np.float64],
    pbc: npt.NDArray[np.bool_],
    cutoff: float,
) -> Topology:
    """Find all pairs within ``cutoff`` (Å) through all periodic images.

    Positions need not lie inside the cell; the cell may be skewed and smaller than the cutoff.
    """
    search = NeighborList(cutoff=cutoff, full_list=True, sorted=False, n_threads=1)
    i, j, shift = search.compute(points=positions, box=cell, periodic=pbc, quantities="ijS")
    order = np.argsort(_ranks(i, j, shift))
    i, j, shift = i[order], j[order], shift[order]
    reverse = np.empty(len(order), dtype=np.int64)
    # The r-th of the reversed edges, in their order, is the reverse of the r-th edge.
    reverse[np.argsort(_ranks(j, i, -shift))] = np.arange(len(order))
    return Topology(np.stack([i, j]).astype(np.int64), shift.astype(np.float64), reverse)


def _ranks(
    i: npt.NDArray[Any], j: npt.NDArray[Any], shift: npt.NDArray[Any]
) -> npt.NDArray[np.int64]:
    """Return integers that sort edges as (i, j, S) does."""
    n_images = 2 * int(np.abs(shift).max(initial=0)) + 1
    ranks = i.astype(np.int64) * (int(j.max(initial=0)) + 1) + j.astype(np.int64)
    for images in shift.T:
        ranks = ranks * n_images + images.astype(np.int64)
    return ranks


def within(graph: Graph, cutoff: float) -> Graph:
    """Return the graph with only the edges shorter than ``cutoff`` (Å), in the same order."""
    return near(graph, cutoff)[0]


def near(graph: Graph, cutoff: float) -> tuple[Graph, Tensor]:
    """Return the graph within ``cutoff`` (Å) and the squares of its edges' lengths (n_edges,)."""
    x, shift = graph.positions.contiguous(), graph.edge_shift.contiguous()
    differentiable = x.requires_grad or shift.requires_grad
    library = None if differentiable else library_for(x, alongside=[shift])
    if library is None:
        return _near(graph, cutoff)
    edge_index, reverse = graph.edge_index.contiguous(), graph.reverse_edge.contiguous()
    n = edge_index.shape[1]
    squares, place, kept = x.new_empty(n), reverse.new_empty(n + 1), reverse.new_empty(n)
    lists = [address(edge_index), address(shift)]
    limit = (ctypes.c_double if x.dtype == torch.float64 else ctypes.c_float)(cutoff)
    places = [address(squares), address(place), address(kept)]
    call(library.edges_place, 1, n, *lists, address(x), limit, *places)
    n_near = int(place[n])
    found = [
        edge_index.new_empty(2, n_near),
        shift.new_empty(n_near, 3),
        reverse.new_empty(n_near),
        squares.new_empty(n_near),
    ]
    call(library.edges_keep, 1, n, *lists, address(reverse), *places, *map(address, found))
    index, near_shift, near_reverse, near_squares = found
    short = replace(graph, edge_index=index, edge_shift=near_shift, reverse_edge=near_reverse)
    return short, near_squares


def _near(graph: Graph, cutoff: float) -> tuple[Graph, Tensor]:
    """Do the same in plain torch."""
    squares = squared_lengths(graph)
    short = squares < cutoff**2
    return selected(graph, squares, short, torch.nonzero(short).flatten())


def squared_lengths(graph: Graph) -> Tensor:
    """Return the squares of the lengths of all edges, (n_edges,), Å²."""
    centre, neighbour = graph.edge_index
    positions = graph.positions
    # In this order of operations an edge and its reverse have the same length to the last bit.
    vectors = positions[neighbour] - positions[centre] + graph.edge_shift
    return vectors.square().sum(dim=1)


def selected(graph: Graph, squares: Tensor, short: Tensor, kept: Tensor) -> tuple[Graph, Tensor]:
    """Return the graph with some edges, and their ``squares``.

    Parameters
    ----------
    squares, short
        Of every edge, (n_edges,): square of its length, and whether it is selected.
    kept
        Places of the selected edges, ascending.
    """
    place = short.cumsum(0) - 1
    found = replace(
        graph,
        edge_index=graph.edge_index.index_select(1, kept),
        edge_shift=graph.edge_shift.index_select(0, kept),
        reverse_edge=place[graph.reverse_edge[kept]],
    )
    return found, squares[kept]


@dataclass(frozen=True)
class Rows:
    """Where the parts of a batch lie in the arrays over all structures of a `GraphSet`.

    ===========  ============  ================================================================
    attribute    shape         meaning
    ===========  ============  ================================================================
    structures   (n_systems,)  rows of the structures
    n_atoms      (n_systems,)  number of atoms of each
    atoms        (n_atoms,)    rows of the atoms
    system       (n_atoms,)    structure of the batch that each atom belongs to
    edges        (n_edges,)    rows of the edges
    first_atom   (n_edges,)    number in the batch of the first atom of the edge's structure
    first_edge   (n_edges,)    number in the batch of the first edge of the edge's structure
    most_edges                 bound on the edges of any atom
    ===========  ============  ================================================================
    """

    structures: Tensor
    n_atoms: Tensor
    atoms: Tensor
    system: Tensor
    edges: Tensor
    first_atom: Tensor
    first_edge: Tensor
    most_edges: int


class GraphSet:
    """Graphs of many structures, from which batches are cut without recomputing anything.

    Parameters
    ----------
    frames
        The structures.
    cutoff
        Å.
    device, dtype
        Where the batches live, and the precision of their coordinates.
    """

    def __init__(
        self,
        frames: Frames,
        cutoff: float,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float64,
    ) -> None:
        topologies = [
            neighbours(
                frames.positions[start : start + count],
                frames.cell[index],
                frames.pbc[index],
                cutoff,
            )
            for index, (start, count) in enumerate(
                zip(frames.atom_start, frames.n_atoms, strict=True)
            )
        ]
        shifts = [t.shift @ c for t, c in zip(topologies, frames.cell, strict=True)]
        volume = np.abs(np.linalg.det(frames.cell)) * frames.pbc.all(axis=1)

        def real(array: npt.NDArray[np.float64]) -> Tensor:
            return torch.as_tensor(array, dtype=dtype, device=device)

        def whole(array: npt.NDArray[np.int64]) -> Tensor:
            return torch.as_tensor(array, dtype=torch.int64, device=device)

        # Batches are laid out on the host: a size that the device knows has to be waited for.
        n_edges = np.array([t.edge_index.shape[1] for t in topologies], dtype=np.int64)
        self._counts = torch.stack([torch.as_tensor(n) for n in (frames.n_atoms, n_edges)])
        self._starts = self._counts.cumsum(1) - self._counts
        self._most_edges = torch.tensor([_most_edges(t) for t in topologies])
        self._atomic_numbers = whole(frames.atomic_numbers)
        self._positions = real(frames.positions)
        self._edge_index = whole(np.concatenate([t.edge_index for t in topologies], axis=1))
        self._edge_shift = real(np.concatenate(shifts))
        self._reverse_edge = whole(np.concatenate([t.reverse for t in topologies]))
        self._volume = real(volume)

    def __len__(self) -> int:
        return self._counts.shape[1]

    def rows(self, indices: Tensor | Sequence[int]) -> Rows:
        """Return where the structures at ``indices`` lie in the arrays over all structures.

        A few numbers per structure go to the device; nothing comes back from it.
        """
        index = torch.as_tensor(indices, dtype=torch.int64)
        counts = self._counts[:, index]
        first = counts.cumsum(1) - counts
        table = torch.cat([index.unsqueeze(0), counts, self._starts[:, index] - first, first])
        n_atoms, n_edges = counts.sum(dim=1).tolist()
        table = table.to(self._positions.device, non_blocking=True)
        system = torch.repeat_interleave(table[1], output_size=n_atoms)
        of_edge = torch.repeat_interleave(table[2], output_size=n_edges)
        atoms = table[3].index_select(0, system)
        edges, first_atom, first_edge = table[4:].index_select(1, of_edge)
        return Rows(
            structures=table[0],
            n_atoms=table[1],
            atoms=atoms + torch.arange(n_atoms, device=table.device),
            system=system,
            edges=edges + torch.arange(n_edges, device=table.device),
            first_atom=first_atom,
            first_edge=first_edge,
            most_edges=int(self._most_edges[index].max()) if len(index) else 0,
        )

    def batch(self, indices: Tensor | Sequence[int]) -> Graph:
        """Return the structures at ``indices`` as one graph."""
        return self.cut(self.rows(indices))

    def cut(self, rows: Rows) -> Graph:
        """Return the structures at ``rows`` as one graph."""
        return Graph(
            atomic_numbers=self._atomic_numbers.index_select(0, rows.atoms),
            positions=self._positions.index_select(0, rows.atoms),
            system=rows.system,
            edge_index=self._edge_index.index_select(1, rows.edges) + rows.first_atom,
            edge_shift=self._edge_shift.index_select(0, rows.edges),
            reverse_edge=self._reverse_edge.index_select(0, rows.edges) + rows.first_edge,
            volume=self._volume.index_select(0, rows.structures),
            most_edges=rows.most_edges,
        )


def _most_edges(topology: Topology) -> int:
    """Return the largest number of edges that leave one atom."""
    return int(np.bincount(topology.edge_index[0], minlength=1).max())


def graph_of(
    frames: Frames,
    cutoff: float,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float64,
) -> Graph:
    """Return all structures of ``frames`` as one graph."""
    return GraphSet(frames, cutoff, device, dtype).batch(range(len(frames)))


def pairs_of_edges(degree: Tensor) -> tuple[Tensor, Tensor]:
    """Return both edges of every pair of edges of an atom, for edges sorted by atom.

    ``degree`` (n_atoms,) is the number of edges of each atom.
    """
    start = degree.cumsum(0) - degree
    edges = torch.arange(int(degree.sum()))
    # Edge e pairs with those that follow it at the same atom.
    last = (start + degree).repeat_interleave(degree)
    following = last - edges - 1
    first = edges.repeat_interleave(following)
    begin = (following.cumsum(0) - following).repeat_interleave(following)
    second = first + 1 + torch.arange(len(first)) - begin
    return first, second
