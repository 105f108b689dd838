"""The constant energy per element that a force loss leaves undetermined."""

import numpy as np
import torch

from tlbench.potential import Potential
from tlbench.training.labels import LabelledSet


def fit_reference_energy(potential: Potential, data: LabelledSet, use_network: bool = True) -> None:
    """Set the reference energies of the elements in ``data`` by least squares on energies per atom.

    For one element this is the mean energy error per atom, the policy of Röcken & Zavadlav,
    arXiv 2502.13522. Elements that do not occur keep what they have.

    Parameters
    ----------
    use_network
        Fit what the network leaves over (after training); otherwise the bare labels (before).
    """
    elements = data.frames.elements()
    with torch.no_grad():
        potential.reference_energy[elements] = 0.0
    network = np.zeros(len(data))
    if use_network:
        network = np.concatenate(
            [potential(data.batch(b).graph).energy.cpu().numpy() for b in data.batches()]
        )
    n_atoms = data.frames.n_atoms
    frame_of_atom = np.repeat(np.arange(len(data)), n_atoms)
    counts = np.zeros((len(data), len(elements)))
    columns = np.searchsorted(elements, data.frames.atomic_numbers)
    np.add.at(counts, (frame_of_atom, columns), 1.0)
    missing = (data.frames.energy - network) / n_atoms
    fitted, *_ = np.linalg.lstsq(counts / n_atoms[:, None], missing, rcond=None)
    with torch.no_grad():
        potential.reference_energy[elements] = torch.as_tensor(
            fitted, device=potential.reference_energy.device
        )
