"""Neighbour lists that survive many steps of dynamics."""

import numpy as np
import torch
from torch import Tensor

from tlbench.data.frames import Frames
from tlbench.graphs import Graph, Topology, neighbours


class SkinnedNeighbours:
    """Graphs of moving structures, with lists rebuilt only when an atom has moved half the skin.

    Each structure is rebuilt on its own, so its list does not depend on which others it is
    batched with.

    Parameters
    ----------
    start
        The structures; their positions are where the first list is built.
    cutoff, skin
        Å. Lists reach to their sum.
    """

    def __init__(self, start: Frames, cutoff: float, skin: float = 0.6) -> None:
        self.frames = start
        self.reach = cutoff + skin
        self.skin = skin
        self.n_rebuilt = 0
        counts = torch.as_tensor(start.n_atoms)
        self._first = np.cumsum(start.n_atoms) - start.n_atoms
        self._system = torch.arange(len(start)).repeat_interleave(counts)
        self._atomic_numbers = torch.as_tensor(start.atomic_numbers)
        volume = np.abs(np.linalg.det(start.cell)) * start.pbc.all(axis=1)
        self._volume = torch.as_tensor(volume)
        self._built_at = torch.full((int(counts.sum()), 3), torch.inf, dtype=torch.float64)
        self._topologies: list[Topology | None] = [None] * len(start)
        self._edge_index = torch.empty((2, 0), dtype=torch.int64)
        self._edge_shift = torch.empty((0, 3), dtype=torch.float64)
        self._reverse_edge = torch.empty(0, dtype=torch.int64)

    def graph(self, positions: Tensor) -> Graph:
        """Return the graph of the structures at ``positions`` (n_atoms, 3), float64."""
        moved = (positions - self._built_at).numpy()
        furthest = np.maximum.reduceat(np.einsum("ij,ij->i", moved, moved), self._first)
        stale = np.flatnonzero(~(furthest <= (0.5 * self.skin) ** 2)).tolist()
        if stale:
            self._rebuild(positions, stale)
        return Graph(
            atomic_numbers=self._atomic_numbers,
            positions=positions,
            system=self._system,
            edge_index=self._edge_index,
            edge_shift=self._edge_shift,
            reverse_edge=self._reverse_edge,
            volume=self._volume,
        )

    def _rebuild(self, positions: Tensor, stale: list[int]) -> None:
        starts = self.frames.atom_start
        for system in stale:
            span = slice(int(starts[system]), int(starts[system] + self.frames.n_atoms[system]))
            self._topologies[system] = neighbours(
                positions[span].numpy(),
                self.frames.cell[system],
                self.frames.pbc[system],
                self.reach,
            )
            self._built_at[span] = positions[span]
            self.n_rebuilt += 1
        built = [t for t in self._topologies if t is not None]
        edges = [t.edge_index + start for t, start in zip(built, starts, strict=True)]
        shifts = [t.shift @ cell for t, cell in zip(built, self.frames.cell, strict=True)]
        self._edge_index = torch.as_tensor(np.concatenate(edges, axis=1))
        self._edge_shift = torch.as_tensor(np.concatenate(shifts))
        firsts = np.cumsum([0] + [len(t.reverse) for t in built[:-1]])
        reverse = [t.reverse + first for t, first in zip(built, firsts, strict=True)]
        self._reverse_edge = torch.as_tensor(np.concatenate(reverse))
