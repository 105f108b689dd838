"""Structures with their graphs and labels on a device, ready to be cut into batches."""

from dataclasses import dataclass

import torch
from torch import Tensor

from tlbench.data.frames import Frames
from tlbench.graphs import Graph, GraphSet


@dataclass(frozen=True)
class Batch:
    """A graph and its labels.

    ``energy`` (n_systems,) eV in float64, ``forces`` (n_atoms, 3) eV/Å,
    ``stress`` (n_systems, 3, 3) GPa, ``n_atoms`` (n_systems,).
    """

    graph: Graph
    energy: Tensor
    forces: Tensor
    stress: Tensor
    n_atoms: Tensor


class LabelledSet:
    """A data set on a device.

    Parameters
    ----------
    frames
        The structures and their labels.
    cutoff
        Å.
    device, dtype
        Where the batches live, and the precision of everything but the energies.
    """

    def __init__(
        self, frames: Frames, cutoff: float, device: torch.device | str, dtype: torch.dtype
    ) -> None:
        self.frames = frames
        self.graphs = GraphSet(frames, cutoff, device, dtype)
        self._energy = torch.as_tensor(frames.energy, dtype=torch.float64, device=device)
        self._forces = torch.as_tensor(frames.forces, dtype=dtype, device=device)
        self._stress = torch.as_tensor(frames.stress, dtype=dtype, device=device)

    def __len__(self) -> int:
        return len(self.graphs)

    def shift_energies(self, first: int, constants: Tensor) -> None:
        """Add a constant per atom of each element to the energies of structures from ``first`` on.

        Parameters
        ----------
        constants
            By atomic number, eV.
        """
        frames, numbers = self.frames, torch.as_tensor(self.frames.atomic_numbers)
        of_atoms = constants.to("cpu", torch.float64)[numbers]
        structures = torch.repeat_interleave(torch.as_tensor(frames.n_atoms))
        added = torch.zeros(len(frames), dtype=torch.float64).index_add(0, structures, of_atoms)
        added[:first] = 0
        self._energy = self._energy + added.to(self._energy.device)

    def batch(self, indices: Tensor) -> Batch:
        """Return the structures at ``indices`` with their labels."""
        rows = self.graphs.rows(indices)
        return Batch(
            graph=self.graphs.cut(rows),
            energy=self._energy.index_select(0, rows.structures),
            forces=self._forces.index_select(0, rows.atoms),
            stress=self._stress.index_select(0, rows.structures),
            n_atoms=rows.n_atoms,
        )

    def batches(self, atoms_per_batch: int = 256) -> list[Tensor]:
        """Return the indices of all structures, cut into batches of bounded size."""
        number = (torch.as_tensor(self.frames.n_atoms).cumsum(0) - 1) // atoms_per_batch
        indices = torch.arange(len(self))
        return [indices[number == n] for n in torch.unique(number)]
