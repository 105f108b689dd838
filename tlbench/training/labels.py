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

    def batch(self, indices: Tensor) -> Batch:
        """Return the structures at ``indices`` with their labels."""
        indices = indices.to(self._energy.device)
        return Batch(
            graph=self.graphs.batch(indices),
            energy=self._energy[indices],
            forces=self._forces[self.graphs.atoms_of(indices)],
            stress=self._stress[indices],
            n_atoms=self.graphs.n_atoms[indices],
        )

    def batches(self, atoms_per_batch: int = 256) -> list[Tensor]:
        """Return the indices of all structures, cut into batches of bounded size."""
        number = (self.graphs.n_atoms.cumsum(0) - 1) // atoms_per_batch
        indices = torch.arange(len(self))
        return [indices[number.cpu() == n] for n in torch.unique(number).cpu()]
