"""The replicas that still run, and what drives them: neighbours, forces and energies."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import torch
from ase.data import covalent_radii
from torch import Tensor

from tlbench.data.frames import Floats, Frames
from tlbench.graphs import Graph
from tlbench.kernels.library import address, call, library_for
from tlbench.md.criteria import Instant
from tlbench.md.langevin import LangevinState
from tlbench.md.neighbours import SkinnedNeighbours
from tlbench.md.segments import Segments, squares
from tlbench.models.potential import Potential


class EnergyAndForces(Protocol):
    """``energy`` (n_systems,) eV and ``forces`` (n_atoms, 3) eV/Å."""

    @property
    def energy(self) -> Tensor:
        """Energies."""

    @property
    def forces(self) -> Tensor:
        """Forces."""


@dataclass(frozen=True)
class ForceField:
    """A potential as dynamics needs it.

    Attributes
    ----------
    evaluate
        Maps a graph, whose edges are those within the cutoff, to energies and forces.
    cutoff
        Å.
    at_once
        Structures that are evaluated together. On a CPU as many as there can be without their
        results depending on each other; on other devices all, None.
    device
        Where its graphs lie; positions, velocities and forces then stay there, too.
    """

    evaluate: Callable[[Graph], EnergyAndForces]
    cutoff: float
    at_once: int | None = None
    device: torch.device | str = "cpu"

    @classmethod
    def of(cls, potential: Any, device: torch.device | str = "cpu") -> "ForceField":
        """Return the force field of a model, or of a reference potential.

        Dynamics needs no reference energy: where a model has none, zero stands in for it.

        Parameters
        ----------
        potential
            A ``Potential``, or a function of graphs that returns energy and forces, with a
            ``cutoff`` (Å).
        device
            Where such a function computes. A ``Potential`` computes where its weights are.
        """
        if not isinstance(potential, Potential):
            return cls(potential, potential.cutoff, device=device)

        def evaluate(graph: Graph) -> EnergyAndForces:
            there = graph.to(potential.device, potential.dtype)
            return potential(there, unfitted=0.0)  # type: ignore[no-any-return]

        at_once = None
        if potential.device.type == "cpu":
            # More at once no longer fit the cache of a processor.
            at_once = 16 if potential.backbone.same_in_batches else 1
        return cls(evaluate, potential.cutoff, at_once, potential.device)


SKIN = 1.5
"""How much further than the cutoff neighbour lists reach, Å."""

MAX_STEP = 5.0
"""Distance along an axis, Å, that no atom covers in one step while a simulation makes sense."""


class Batch:
    """Structures whose forces are evaluated together, on the device of the force field.

    Attributes
    ----------
    energy
        At the positions of the last call, (n_systems,), eV.
    closest
        Shortest distance there over the sum of the covalent radii, (n_systems,).
    lost
        Structures whose atoms moved further in one step than makes sense, (n_systems,). They
        stay where they were.
    """

    def __init__(self, frames: Frames, force_field: ForceField) -> None:
        self.frames = frames
        self.n = len(frames)
        self.device = device = torch.device(force_field.device)
        self._segments = Segments(frames.n_atoms, device)
        self.n_atoms, self.system = self._segments.n_atoms, self._segments.system
        self.energy = torch.full((self.n,), torch.nan, dtype=torch.float64, device=device)
        self.closest = torch.full_like(self.energy, torch.inf)
        self.lost = torch.zeros(self.n, dtype=torch.bool, device=device)
        self._force_field = force_field
        self._radius = torch.as_tensor(covalent_radii[frames.atomic_numbers]).to(device)
        self._start = torch.as_tensor(frames.positions).to(device)
        self._last: Tensor | None = None
        size = force_field.at_once or self.n
        parts = [frames.select(np.arange(i, min(i + size, self.n))) for i in range(0, self.n, size)]
        cutoff = force_field.cutoff
        self._lists = [SkinnedNeighbours(part, cutoff, SKIN, device) for part in parts]
        ends = np.cumsum([0, *[int(part.n_atoms.sum()) for part in parts]])
        self._spans = [slice(int(a), int(b)) for a, b in pairwise(ends)]

    def forces(self, positions: Tensor) -> Tensor:
        """Return the forces at ``positions`` (n_atoms, 3), Å, in eV/Å."""
        positions = self._sane(positions)
        energies, forces, closest = [], [], []
        for lists, span in zip(self._lists, self._spans, strict=True):
            # Which edges there are then depends on the positions alone, not on when the list
            # was built, and so do the rounding errors.
            graph, lengths = lists.near(positions[span], self._force_field.cutoff)
            found = self._force_field.evaluate(graph)
            energies.append(found.energy.detach().to(self.device, torch.float64))
            forces.append(found.forces.detach().to(self.device, torch.float64))
            closest.append(_closest(graph, lengths, self._radius[span]))
        self.energy, self.closest = torch.cat(energies), torch.cat(closest)
        return torch.cat(forces)

    def continue_from(self, positions: Tensor, energy: Tensor, closest: Tensor) -> None:
        """Take over what an earlier batch found at ``positions``."""
        self._last, self.energy, self.closest = positions, energy, closest

    def now(self, state: LangevinState, temperature: Tensor, start_energy: Tensor) -> Instant:
        """Return what the criteria look at.

        Parameters
        ----------
        temperature
            Kinetic, relative to the thermostat's, (n_systems,).
        start_energy
            What energies are counted from, (n_systems,), eV.
        """
        largest = self._segments.maxima(squares(state.forces))
        # A sum is finite only if all its terms are.
        everything = self._segments.sums(state.positions + state.velocities) + largest
        return Instant(
            finite=(everything + self.energy).isfinite() & ~self.lost,
            temperature=temperature,
            closest=self.closest,
            force=largest.sqrt(),
            energy=(self.energy - start_energy) / self.n_atoms,
        )

    def displacement(self, positions: Tensor) -> Floats:
        """Return each structure's mean-square displacement from the start, Å², centre at rest."""
        moved = positions - self._start
        centre = self.total(moved) / self.n_atoms.unsqueeze(1)
        moved = moved - centre[self.system]
        found: Floats = (self.total(moved.square().sum(dim=1)) / self.n_atoms).cpu().numpy()
        return found

    def total(self, of_atoms: Tensor) -> Tensor:
        """Return the sums over the atoms of each structure."""
        return of_atoms.new_zeros((self.n, *of_atoms.shape[1:])).index_add_(
            0, self.system, of_atoms
        )

    def _sane(self, positions: Tensor) -> Tensor:
        """Return the positions, with those from before in structures that are lost."""
        before = self._last
        if before is not None:
            moved = (positions - before).abs()
            # No neighbour list can be built of such positions. Another device is not asked whether
            # there are any, since the answer would take longer than what is done about them.
            if self.device.type != "cpu" or not bool(moved.max() < MAX_STEP):
                far = ~(moved.amax(dim=1) < MAX_STEP)
                self.lost = self.lost | (self._segments.maxima(far.to(torch.float64)) > 0)
                positions = torch.where(self.lost[self.system].unsqueeze(1), before, positions)
        self._last = positions
        return positions


def _closest(graph: Graph, squares: Tensor, radius: Tensor) -> Tensor:
    """Return each structure's shortest distance over the sum of covalent radii; ∞ if none.

    ``squares`` of the lengths of all edges; ``radius`` of all atoms.
    """
    closest = squares.new_full((graph.n_systems,), torch.inf)
    centre, neighbour = graph.edge_index
    library = library_for(squares)
    if library is None:
        ratio = squares / (radius[centre] + radius[neighbour]).square()
        closest.scatter_reduce_(0, graph.system[centre], ratio, "amin")
    else:
        known = [graph.edge_index.contiguous(), squares, radius, graph.system]
        call(library.edges_closest, 1, len(squares), *map(address, [*known, closest]))
    return closest.sqrt()
