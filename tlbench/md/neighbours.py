"""Neighbour lists that survive many steps of dynamics."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from tlbench.data.frames import Frames
from tlbench.graphs import Graph, Topology, near, neighbours, selected, squared_lengths
from tlbench.md.segments import Segments, squares


class SkinnedNeighbours:
    """Graphs of moving structures, with lists rebuilt only when an atom has moved half the skin.

    Each structure is rebuilt on its own, so its list does not depend on which others it is
    batched with. Lists are built on the CPU: if positions lie elsewhere, a rebuild copies them
    once, and the new lists back.

    Parameters
    ----------
    start
        The structures; their positions are where the first list is built.
    cutoff, skin
        Å. Lists reach to their sum.
    device
        Where positions and graphs lie.
    """

    def __init__(
        self,
        start: Frames,
        cutoff: float,
        skin: float = 0.6,
        device: torch.device | str = "cpu",
    ) -> None:
        self.frames = start
        self.reach = cutoff + skin
        self.skin = skin
        self.n_rebuilt = 0
        self._device = torch.device(device)
        self._segments = Segments(start.n_atoms, device)
        self._atomic_numbers = torch.as_tensor(start.atomic_numbers).to(device)
        volume = np.abs(np.linalg.det(start.cell)) * start.pbc.all(axis=1)
        self._volume = torch.as_tensor(volume).to(device)
        positions = torch.as_tensor(start.positions).to(device)
        self._built_at = torch.full_like(positions, torch.inf)
        self._topologies: list[Topology | None] = [None] * len(start)
        self._edge_index = torch.empty((2, 0), dtype=torch.int64, device=device)
        self._edge_shift = torch.empty((0, 3), dtype=torch.float64, device=device)
        self._reverse_edge = torch.empty(0, dtype=torch.int64, device=device)

    def graph(self, positions: Tensor) -> Graph:
        """Return the graph of the structures at ``positions`` (n_atoms, 3), float64."""
        self._rebuild(positions, self._stale(positions).tolist())
        return self._listed(positions)

    def near(self, positions: Tensor, cutoff: float) -> tuple[Graph, Tensor]:
        """Return the graph within ``cutoff`` (Å), and the squares of its edges' lengths."""
        if self._device.type == "cpu":
            return near(self.graph(positions), cutoff)
        listed = self._listed(positions)
        lengths = squared_lengths(listed)
        short = lengths < cutoff**2
        degree = short.new_zeros(len(positions), dtype=torch.int64)
        degree.index_add_(0, listed.edge_index[0], short.to(torch.int64))
        # Whatever the host has to know of a step it asks for at once, and waits only here.
        asked = [degree.sum().view(1), degree.max().view(1), self._stale(positions)]
        n_short, most_edges, *stale = torch.cat(asked).tolist()
        if any(stale):
            self._rebuild(positions, stale)
            return near(self._listed(positions), cutoff)
        kept = torch.nonzero_static(short, size=n_short).flatten()
        found, lengths = selected(listed, lengths, short, kept)
        return replace(found, most_edges=most_edges), lengths

    def _stale(self, positions: Tensor) -> Tensor:
        """Return in which structures an atom has moved half the skin, (n_systems,)."""
        furthest = self._segments.maxima(squares(positions - self._built_at))
        return ~(furthest <= (0.5 * self.skin) ** 2)

    def _listed(self, positions: Tensor) -> Graph:
        return Graph(
            atomic_numbers=self._atomic_numbers,
            positions=positions,
            system=self._segments.system,
            edge_index=self._edge_index,
            edge_shift=self._edge_shift,
            reverse_edge=self._reverse_edge,
            volume=self._volume,
        )

    def _rebuild(self, positions: Tensor, stale: list[bool]) -> None:
        """Build the lists of the structures that are ``stale``, (n_systems,), anew."""
        if not any(stale):
            return
        starts, here = self.frames.atom_start, positions.cpu().numpy()
        for system in np.flatnonzero(stale):
            span = slice(int(starts[system]), int(starts[system] + self.frames.n_atoms[system]))
            self._topologies[system] = neighbours(
                here[span],
                self.frames.cell[system],
                self.frames.pbc[system],
                self.reach,
            )
            self._built_at[span] = positions[span]
            self.n_rebuilt += 1
        built = [t for t in self._topologies if t is not None]
        edges = [t.edge_index + start for t, start in zip(built, starts, strict=True)]
        shifts = [t.shift @ cell for t, cell in zip(built, self.frames.cell, strict=True)]
        self._edge_shift = torch.as_tensor(np.concatenate(shifts)).to(self._device)
        firsts = np.cumsum([0] + [len(t.reverse) for t in built[:-1]])
        reverse = [t.reverse + first for t, first in zip(built, firsts, strict=True)]
        # In one array, which is one copy to another device.
        lists = np.vstack([np.concatenate(edges, axis=1), np.concatenate(reverse)])
        copied = torch.as_tensor(lists).to(self._device)
        self._edge_index, self._reverse_edge = copied[:2], copied[2]
