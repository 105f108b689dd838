"""Structures and networks that the checks of a GPU use."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from ase.build import bulk
from torch import Tensor

from tlbench.data.frames import Frames
from tlbench.graphs import graph_of
from tlbench.kernels.derivatives import scoped
from tlbench.kernels.library import SWITCH
from tlbench.md.protocol import Criteria, Protocol
from tlbench.models.potential import Potential, build_potential
from tlbench.reference.stillinger_weber import StillingerWeber
from tlbench.training.labels import LabelledSet

QUICK: dict[str, dict[str, Any]] = {
    "dimenetpp": {"hidden_channels": 8, "out_channels": 8, "interaction_channels": 4},
    "schnet": {"hidden_channels": 8, "n_filters": 8},
}
"""Settings of networks so small that all checks take a minute on a CPU."""

BACKBONES = ("dimenetpp", "schnet", "visnet", "equivariant", "nequip")


def silicon(n_frames: int, repeat: int = 2) -> Frames:
    """Return rattled cells of 8 · repeat³ atoms with the labels of Stillinger and Weber."""
    cells = []
    for seed in range(n_frames):
        atoms = bulk("Si", "diamond", a=5.43, cubic=True).repeat(repeat)
        atoms.rattle(0.1, seed=seed)
        cells.append(atoms)
    frames, reference = Frames.unlabelled(cells), StillingerWeber("Si")
    labels = reference(graph_of(frames, reference.cutoff))
    return replace(
        frames,
        energy=labels.energy.numpy(),
        forces=labels.forces.numpy(),
        stress=labels.stress.numpy(),
    )


def network(name: str, cutoff: float, dtype: torch.dtype, quick: bool = False) -> Potential:
    """Return a potential with random weights on the CPU, the same at each call."""
    torch.manual_seed(0)
    settings = QUICK.get(name, {}) if quick else {}
    potential = build_potential(name, {"cutoff": cutoff, **settings}, dtype)
    potential.reference_energy.fill_(0.0)
    return potential


def update_of(potential: Potential, frames: Frames) -> Callable[[], Tensor]:
    """Return a function that does one training update, batch included, and returns its loss."""
    data = LabelledSet(frames, potential.cutoff, potential.device, potential.dtype)
    parameters = list(potential.backbone.parameters())
    optimiser = torch.optim.Adam(parameters, lr=1e-4, fused=True)
    everything = torch.arange(len(data))

    def update() -> Tensor:
        batch = data.batch(everything)
        with scoped() as scope:
            forces = potential(batch.graph, training=True).forces
        loss = (forces - batch.forces).square().mean()
        optimiser.zero_grad()
        with scope.backward_for("parameters"):
            torch.autograd.backward(loss, inputs=parameters)
        optimiser.step()
        return loss.detach()

    return update


def unbounded(steps: int, sample_steps: int) -> Protocol:
    """Return dynamics at 300 K and 1 fs that no criterion stops."""
    none = Criteria(
        temperature_sigmas=None, closest_pair=None, max_force=None, energy_margin=None,
        rdf_error=None,
    )  # fmt: skip
    return Protocol(
        temperature_k=300, time_ps=steps * 1e-3, timestep_fs=1.0, sample_fs=sample_steps,
        equilibration_ps=0.0, criteria=none,
    )  # fmt: skip


@contextmanager
def plain_torch() -> Iterator[None]:
    """Let the CPU compute as a GPU does: without compiled kernels."""
    before = os.environ.get(SWITCH)
    os.environ[SWITCH] = "off"
    try:
        yield
    finally:
        del os.environ[SWITCH]
        if before is not None:
            os.environ[SWITCH] = before
