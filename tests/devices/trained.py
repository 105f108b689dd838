"""Trains and measures on the CPU and on the pretended device; writes what was found, as JSON.

``python trained.py BACKBONE FOLDER STRATEGY… [planted]``: with the last word, a tensor of the
network stays on the CPU.
"""

import json
import math
import os
import sys
from collections import Counter
from contextlib import suppress
from copy import deepcopy
from functools import cache, partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
import tiny
import torch
from pretended import DEVICE, pretending

from tlbench.data.frames import Frames
from tlbench.jobs import evaluate
from tlbench.jobs.context import MODEL, Context, data_file
from tlbench.models.parameters import copy_element, mean_element
from tlbench.models.potential import build_potential, tensors_of
from tlbench.training import loop
from tlbench.training.config import LossWeights, TrainingConfig
from tlbench.training.labels import LabelledSet
from tlbench.training.loop import force_mae, train
from tlbench.transfer import INITIALISATIONS, STRATEGIES
from tlbench.transfer.scratch import SCRATCH

NAME, FOLDER, (*NAMES,) = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
if PLANTED := NAMES[-1] == "planted":
    NAMES.pop()
SOURCE, TARGET = 14, 32
CRYSTALS, OTHERS = tiny.crystals("Ge", 3), tiny.crystals("Si", 3)
BOTH = Frames.concatenate([CRYSTALS, OTHERS])
EVERY_LABEL = TrainingConfig(
    updates=2,
    batch_size=2,
    dtype="float64",
    validation_points=1,
    loss=LossWeights(energy=0.1, forces=1.0, stress=0.1),
)


def on(device, frames, potential):
    return LabelledSet(frames, potential.cutoff, device, potential.dtype)


def numbers(*tensors):
    return torch.cat([torch.as_tensor(t).cpu().double().flatten() for t in tensors]).tolist()


@cache
def built():
    """Return the network that is copied, which some packages need a second to put together."""
    return tiny.potential(NAME, dtype=torch.float64)


@cache
def full_size():
    torch.manual_seed(0)
    return build_potential(NAME, {"cutoff": tiny.CUTOFF}).to(DEVICE)


def potential_on(device, initialise=None, start=None):
    """Return the network; ``start`` has the source element of every target element."""
    start = start or {TARGET: SOURCE}
    potential = deepcopy(built()).to(device)
    if PLANTED and device == DEVICE:
        name, buffer = next(iter(potential.backbone.named_buffers()))
        owner, _, last = name.rpartition(".")
        setattr(potential.backbone.get_submodule(owner), last, buffer.cpu())
    if initialise:
        initialise(potential.backbone, start, start.values())
    return potential


def trained_with(strategy, device):
    """Return losses, errors, and weights of the last update and of the best validation point."""
    potential = potential_on(device, copy_element if strategy.needs_source else None)
    if strategy.needs_source:
        potential.reference_energy[SOURCE] = -4.0
    best = deepcopy(potential)
    strategy.before(potential)
    data, folder = on(device, CRYSTALS, potential), FOLDER / f"{strategy.name} {device}"
    folder.mkdir()
    source = on(device, BOTH, potential) if strategy.needs_source_data else None
    if strategy.replay is not None:
        replayed = strategy.replay(potential, CRYSTALS, 0)
        source = on(device, Frames.concatenate([CRYSTALS, replayed]), potential)
    curve = train(
        potential, strategy, data, data, EVERY_LABEL, 0, folder, with_source=source, best=best
    )
    strategy.after(potential)
    weights = [t for each in (potential, best) for t in tensors_of(each).values()]
    weights = [torch.nan_to_num(t) for t in weights]
    return numbers(curve.loss, [error for _, error in curve.validation], *weights)


def two_elements(device):
    """Return losses and weights of a training on two elements, each with its own constant."""
    potential = potential_on(device, mean_element, {SOURCE: 6, TARGET: 50})
    data, folder = on(device, BOTH, potential), FOLDER / f"two elements {device}"
    folder.mkdir()
    config = EVERY_LABEL.model_copy(update={"energy_reference": "least-squares"})
    curve = train(potential, SCRATCH, data, data, config, 0, folder)
    constants = potential.reference_energy[[SOURCE, TARGET]]
    assert abs(constants[0] - constants[1]) > 0.1
    return numbers(curve.loss, *map(torch.nan_to_num, tensors_of(potential).values()))


class KilledError(Exception):
    """Ends a training as if its process were killed."""


def resumed(device):
    """Return losses and weights of a training that is killed and goes on from its checkpoint."""
    folder = FOLDER / f"resumed {device}"
    folder.mkdir()

    def kill(done, total, loss):
        raise KilledError

    arguments = EVERY_LABEL, 0, folder
    with patch.object(loop, "CHECKPOINT_SECONDS", -1.0), suppress(KilledError):
        killed = potential_on(device)
        data = on(device, CRYSTALS, killed)
        train(killed, SCRATCH, data, data, *arguments, on_update=kill)
    potential, after = potential_on(device), []
    curve = train(
        potential, SCRATCH, data, data, *arguments, on_update=lambda done, *_: after.append(done)
    )
    assert after == [2]
    return numbers(curve.loss, *map(torch.nan_to_num, tensors_of(potential).values()))


def measured(device):
    """Return energies, forces and stresses, and what the job that measures errors finds."""
    potential = potential_on(device)
    potential.reference_energy[TARGET] = -4.0
    found = potential(on(device, CRYSTALS, potential).batch(torch.arange(3)).graph, stress=True)
    folder = FOLDER / f"measured {device}"
    folder.mkdir()
    potential.save(folder / MODEL)
    CRYSTALS.save(folder / data_file("test"))
    config = evaluate.Config(split="test", metrics=["force_mae", "energy_mae"], by=[])
    parents = {"model": folder, "data": folder}
    result = evaluate.run(config, Context(folder, parents, str(device), lambda progress: None))
    errors = np.load(folder / evaluate.ERRORS)
    return numbers(
        found.energy,
        found.forces,
        found.stress,
        errors["energy"],
        [each.value for each in result.metrics],
    )


def elements_of(initialisation, device):
    """Return the parameters of the backbone after two target elements got their first values."""
    start = {TARGET: SOURCE, 50: 6}
    potential = potential_on(device, INITIALISATIONS.get(initialisation), start)
    return numbers(*tensors_of(potential.backbone).values())


def difference(mine, theirs):
    """Return the largest relative difference; numbers near zero count as a thousandth of all.

    Number by number, because losses, energies and weights of any size are among them.
    """
    mine, theirs = np.array(mine), np.array(theirs)
    least = 1e-3 * np.abs(theirs).mean()
    return float((np.abs(mine - theirs) / np.maximum(np.abs(theirs), least)).max())


def counted(mode, function):
    """Return launches and waits of a call, and what was waited for."""
    launches, waits = mode.launches.total(), len(mode.waits)
    function()
    reasons = Counter(mode.waits[waits:])
    return {"launches": mode.launches.total() - launches, "waits": reasons}


def costs(mode, loss):
    """Return launches and waits of an update and of a force call of the network's full size.

    Those of an update are the difference of trainings of 2 and of 5 updates, which are two passes
    over the structures.
    """
    potential = deepcopy(full_size())
    data = on(DEVICE, CRYSTALS, potential)
    folder = FOLDER / f"costs {loss.stress}"
    folder.mkdir()
    counts = {}
    for updates in (2, 5):
        config = TrainingConfig(updates=updates, batch_size=2, validation_points=0, loss=loss)
        counts[updates] = counted(
            mode, lambda config=config: train(potential, SCRATCH, data, data, config, 0, folder)
        )
    batch = data.batch(torch.arange(2))
    waits = counts[5]["waits"] - counts[2]["waits"]
    return {
        "launches of an update": (counts[5]["launches"] - counts[2]["launches"]) / 3,
        "waits of an update": waits.total() / 3,
        "force call": counted(mode, lambda: potential(batch.graph)),
        "evaluation": counted(mode, lambda: force_mae(potential, data)),
    }


def main():
    torch.set_num_threads(1)
    # On a machine that is slow, a checkpoint would be counted among what an update waits for.
    loop.CHECKPOINT_SECONDS = math.inf
    tasks = {name: partial(trained_with, STRATEGIES.get(name)) for name in NAMES}
    tasks |= {"evaluation": measured, "resumed": resumed, "two elements": two_elements}
    tasks |= {name: partial(elements_of, name) for name in INITIALISATIONS.names()}
    expected = {name: task(torch.device("cpu")) for name, task in tasks.items()}
    with pretending() as mode:
        found = {name: difference(task(DEVICE), expected[name]) for name, task in tasks.items()}
        found["forces alone"] = costs(mode, LossWeights())
        found["every label"] = costs(mode, EVERY_LABEL.loss)
    print(json.dumps(found), flush=True)  # noqa: T201
    # The thread that torch has made for the device would not end.
    os._exit(0)


if __name__ == "__main__":
    main()
