"""Sums and maxima over the atoms of each structure of a batch."""

import numpy as np
import torch
from torch import Tensor

from tlbench.data.frames import Ints


class Segments:
    """The atoms of a batch, structure after structure, on the device of their coordinates.

    On a CPU numpy adds in an order that depends on the structure alone. Other devices add in an
    order of their own, so that last digits may differ from call to call.

    Parameters
    ----------
    n_atoms
        Of each structure, (n_systems,).
    device
        Where the values lie.

    Attributes
    ----------
    n_atoms, system
        Number of atoms of each structure, (n_systems,), and structure of each atom, (n_atoms,).
    """

    def __init__(self, n_atoms: Ints, device: torch.device | str = "cpu") -> None:
        counts = torch.as_tensor(n_atoms)
        self.n_atoms = counts.to(device)
        self.system = torch.arange(len(counts)).repeat_interleave(counts).to(device)
        self._first = np.cumsum(n_atoms) - n_atoms

    def sums(self, of_atoms: Tensor) -> Tensor:
        """Return the sum of all components of all atoms, (n_systems,), of (n_atoms, n) values."""
        if of_atoms.is_cpu:
            width = of_atoms.shape[1]
            flat = of_atoms.numpy().ravel()
            return torch.as_tensor(np.add.reduceat(flat, width * self._first))
        totals = of_atoms.new_zeros(len(self.n_atoms))
        return totals.index_add_(0, self.system, of_atoms.sum(dim=1))

    def maxima(self, of_atoms: Tensor) -> Tensor:
        """Return the largest of (n_atoms,) values of each structure; NaN where one is."""
        if of_atoms.is_cpu:
            return torch.as_tensor(np.maximum.reduceat(of_atoms.numpy(), self._first))
        lowest = of_atoms.new_full((len(self.n_atoms),), -torch.inf)
        return lowest.scatter_reduce_(0, self.system, of_atoms, "amax")


def squares(vectors: Tensor) -> Tensor:
    """Return the squared lengths (n,) of vectors (n, 3)."""
    if vectors.is_cpu:
        array = vectors.numpy()
        return torch.as_tensor(np.einsum("ij,ij->i", array, array))
    return vectors.square().sum(dim=1)
