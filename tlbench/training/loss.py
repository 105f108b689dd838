"""What training minimises, and the constant energies that a force loss leaves undetermined."""

from functools import reduce

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from tlbench.base.errors import DivergedError, InputError
from tlbench.data.compositions import compositions
from tlbench.models.potential import Potential, Prediction
from tlbench.training.config import EnergyReference, LossWeights
from tlbench.training.labels import Batch, LabelledSet


def loss_of(found: Prediction, batch: Batch, weights: LossWeights) -> Tensor:
    """Return the weighted mean squares of the errors of a batch.

    Energies count per atom, forces per component, stresses per component.
    """
    parts = []
    if weights.forces:
        parts.append(weights.forces * mse_loss(found.forces, batch.forces))
    if weights.energy:
        error = (found.energy - batch.energy) / batch.n_atoms
        parts.append(weights.energy * error.square().mean().to(batch.forces.dtype))
    if weights.stress and found.stress is not None:
        parts.append(weights.stress * mse_loss(found.stress, batch.stress))
    return reduce(torch.add, parts)


def check_labels(data: LabelledSet, weights: LossWeights) -> None:
    """Refuse to train on labels that are missing.

    Raises
    ------
    InputError
        If a part of the loss has weight and a structure lacks its label.
    """
    labels = {
        "energy": data.frames.energy,
        "forces": data.frames.forces,
        "stress": data.frames.stress,
    }
    for name, values in labels.items():
        if getattr(weights, name) and not torch.as_tensor(values).isfinite().all():
            raise InputError(
                f"The loss weighs {name}, but some training structures have no {name}; "
                f"set its weight to 0 or choose other data."
            )


def fit_reference_energy(
    potential: Potential,
    data: LabelledSet,
    policy: EnergyReference = "mean-shift",
) -> None:
    """Set the reference energies of the elements in ``data``; others keep what they have.

    They are fitted to what the network leaves over of the labels.

    Parameters
    ----------
    policy
        "mean-shift": every element gets the mean energy error per atom, the policy of Röcken &
        Zavadlav, arXiv 2502.13522. "least-squares": each element gets its own constant, by
        least squares on energies per atom; where the compositions leave that open, the smallest
        change of the constants that fits, from 0 where there was none. For a single element the
        two are the same.

    Raises
    ------
    DivergedError
        If a force on these structures is not finite.
    """
    elements = data.frames.elements()
    before = potential.reference_energy[elements].nan_to_num(0.0).cpu().numpy()
    with torch.no_grad():
        potential.reference_energy[elements] = 0.0
    found = [potential(data.batch(indices).graph) for indices in data.batches()]
    if not all(each.forces.isfinite().all() for each in found):
        raise DivergedError("The forces are not finite; a smaller learning rate may help.")
    network = np.concatenate([each.energy.cpu().numpy() for each in found])
    n_atoms = data.frames.n_atoms
    missing = (data.frames.energy - network) / n_atoms
    if policy == "mean-shift":
        fitted = np.full(len(elements), missing.mean())
    else:
        shares = compositions(data.frames)
        change, *_ = np.linalg.lstsq(shares, missing - shares @ before, rcond=None)
        fitted = before + change
    with torch.no_grad():
        potential.reference_energy[elements] = torch.as_tensor(
            fitted, device=potential.reference_energy.device
        )
