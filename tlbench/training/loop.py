"""The training loop."""

import math
import time
from collections.abc import Callable
from functools import reduce
from pathlib import Path

import torch
from torch import Tensor

from tlbench.base.errors import DivergedError
from tlbench.base.spent import Spent
from tlbench.base.units import MEV
from tlbench.kernels.derivatives import scoped
from tlbench.models.potential import Potential, set_tensors, tensors_of
from tlbench.training.checkpoint import Curve, load_checkpoint, save_checkpoint
from tlbench.training.config import LossWeights, TrainingConfig
from tlbench.training.labels import LabelledSet
from tlbench.training.loss import check_labels, fit_reference_energy, loss_of
from tlbench.training.optimisation import TrainedParameters
from tlbench.transfer.strategy import Strategy

CHECKPOINT = "training.checkpoint"
CHECKPOINT_SECONDS = 10.0
LOSSES_AT_ONCE = 20
"""Losses are read this many updates at a time: reading one waits for the accelerator."""


def train(
    potential: Potential,
    strategy: Strategy,
    data: LabelledSet,
    validation: LabelledSet,
    config: TrainingConfig,
    order_seed: int,
    folder: Path,
    on_update: Callable[[int, int, float | None], None] = lambda done, total, loss: None,
    with_source: LabelledSet | None = None,
    best: Potential | None = None,
    spent: Spent | None = None,
) -> Curve:
    """Train ``potential`` on ``data`` for a fixed number of updates, as a strategy says.

    Adam with exponential decay of the learning rate; afterwards the reference energies are
    fitted on ``data``. The weights are those of the last update: validation data are only
    watched, and select nothing but what ``best`` gets. A run that finds its checkpoint in
    ``folder`` goes on from it and, on a CPU, ends in the same bits.

    Parameters
    ----------
    strategy
        Says which parameters train, on which batches, and what is added to the loss; its
        ``before``, ``replay`` and ``after`` are the caller's part.
    order_seed
        Decides the order of the batches, and what a parametrisation draws.
    folder
        Where the checkpoint is kept.
    on_update
        Called with updates done, updates in all, and the last loss that was read, if any.
    with_source
        ``data`` with the structures that are replayed behind them, if the strategy replays any.
    best
        A copy of ``potential``, which gets the weights of the validation point with the lowest
        force error, `Curve.best`, and reference energies fitted for them. The last update is
        always a validation point.
    spent
        Gets what earlier attempts took, if this one goes on from a checkpoint.

    Raises
    ------
    DivergedError
        If the loss, or in the end a force, is not finite.
    InputError
        If a weighed label is missing, or nothing may be trained.
    """
    everything = data if with_source is None else with_source
    check_labels(everything, config.loss)
    trained = TrainedParameters.of(potential, strategy, order_seed)
    penalty = None if strategy.penalty is None else strategy.penalty(trained.parameters)
    if config.loss.energy:
        # Forces do not see the constant, but an energy loss would first have to learn it: of a
        # silicon network on germanium it is off by 1 eV/atom where the labels alone are fitted.
        before = potential.reference_energy.clone()
        fit_reference_energy(potential, data, config.energy_reference)
        if trained.twin is None and with_source is not None:
            # The labels of what is replayed have the constants that the model had of them.
            moved = (potential.reference_energy - before).nan_to_num(0.0)
            with_source.shift_energies(len(data), moved)
    optimiser = trained.optimiser(config.learning_rate)
    n_source = len(everything) - len(data)
    batches = strategy.batches(len(data), n_source, config.batch_size, order_seed)
    watched = _watch_points(config)
    beside = trained.modules() | ({} if best is None else {"best": best})
    resumed = load_checkpoint(folder / CHECKPOINT, potential, optimiser, beside, spent)
    first, curve = resumed or (0, Curve())
    values = trained.set_values()
    saved_at = time.monotonic()
    unread: list[Tensor] = []
    for update in range(first, config.updates):
        rate = config.rate(update)
        for group, settings in zip(trained.groups, optimiser.param_groups, strict=True):
            settings["lr"] = rate * group.rate
        indices = batches(update)
        parts = [(potential, indices)]
        if trained.twin is not None:
            new = indices < len(data)
            parts = [(potential, indices[new]), (trained.twin, indices[~new])]
        with scoped() as scope:
            loss = _loss(parts, everything, config.weights(update))
        with scope.backward_for("parameters"):
            trained.backward(loss if penalty is None else loss + penalty(), values)
        optimiser.step()
        values = trained.set_values()
        unread.append(loss.detach())
        done = update + 1
        save = time.monotonic() - saved_at > CHECKPOINT_SECONDS
        if save or done in watched or len(unread) == LOSSES_AT_ONCE or done == config.updates:
            curve.loss += _read(unread, done)
            unread = []
        if done in watched:
            curve.validation.append((done, force_mae(potential, validation)))
            if best is not None and curve.best[0] == done:
                set_tensors(best, tensors_of(potential))
        if save:
            save_checkpoint(folder / CHECKPOINT, potential, optimiser, done, curve, beside, spent)
            saved_at = time.monotonic()
        on_update(done, config.updates, curve.loss[-1] if curve.loss else None)
    # This also notices a last update that has ruined the model, which no later loss shows.
    for each in (potential, best):
        if each is not None:
            fit_reference_energy(each, data, config.energy_reference)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return curve


def _loss(parts: list[tuple[Potential, Tensor]], data: LabelledSet, weights: LossWeights) -> Tensor:
    """Return the loss of a batch of which each part has a potential that predicts it.

    Where there are several, every structure counts as much as any other.
    """
    losses = []
    for model, indices in parts:
        batch = data.batch(indices)
        found = model(batch.graph, stress=weights.stress > 0, training=True)
        losses.append(loss_of(found, batch, weights))
    if len(losses) == 1:
        return losses[0]
    sizes = [len(indices) for _, indices in parts]
    shares = [size / sum(sizes) for size in sizes]
    return reduce(torch.add, [s * loss for s, loss in zip(shares, losses, strict=True)])


def _read(losses: list[Tensor], done: int) -> list[float]:
    """Return the losses of the last updates up to number ``done``."""
    values: list[float] = torch.stack(losses).tolist()
    for number, value in enumerate(values, start=done - len(values) + 1):
        if not math.isfinite(value):
            raise _diverged(f"The loss is {value} at update {number}")
    return values


def force_mae(potential: Potential, data: LabelledSet) -> float:
    """Return the mean absolute error of the force components on ``data``, meV/Å."""
    totals, count = [], 0
    for indices in data.batches():
        batch = data.batch(indices)
        error = (potential(batch.graph).forces - batch.forces).abs()
        totals.append(error.sum(dtype=torch.float64))
        count += error.numel()
    # Read together: reading one waits for the accelerator.
    return MEV * math.fsum(torch.stack(totals).tolist()) / count


def _diverged(what: str) -> DivergedError:
    return DivergedError(f"{what}; a smaller learning rate may help.")


def _watch_points(config: TrainingConfig) -> set[int]:
    points = config.validation_points
    return {math.ceil(config.updates * (n + 1) / points) for n in range(points)}
