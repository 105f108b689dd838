"""What training minimises."""

import torch
from torch import Tensor

from tlbench.base.errors import InputError
from tlbench.models.potential import Prediction
from tlbench.training.config import LossWeights
from tlbench.training.labels import Batch, LabelledSet


def loss_of(found: Prediction, batch: Batch, weights: LossWeights) -> Tensor:
    """Return the weighted mean squares of the errors of a batch.

    Energies count per atom, forces per component, stresses per component.
    """
    loss = batch.forces.new_zeros(())
    if weights.forces:
        loss = loss + weights.forces * (found.forces - batch.forces).square().mean()
    if weights.energy:
        error = (found.energy - batch.energy) / batch.n_atoms
        loss = loss + weights.energy * error.square().mean().to(loss.dtype)
    if weights.stress and found.stress is not None:
        loss = loss + weights.stress * (found.stress - batch.stress).square().mean()
    return loss


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
