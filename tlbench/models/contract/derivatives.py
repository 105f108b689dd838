"""Properties of the energy as a smooth function of positions, strain and weights."""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from ase.build import bulk
from torch import Tensor

from tlbench.base.units import GPA
from tlbench.data.frames import Floats
from tlbench.models.contract.clause import clause
from tlbench.models.contract.prediction import (
    TARGET,
    AtomicValues,
    crystal,
    energies,
    forces,
    graph,
    isolated,
    molecule,
    predict,
    rattled,
    small_cell,
)
from tlbench.models.potential import Potential


def _slope(function: Callable[[float], float], step: float) -> float:
    """Return the derivative at 0 by central differences of fourth order."""
    near = function(step) - function(-step)
    far = function(2 * step) - function(-2 * step)
    return (8 * near - far) / (12 * step)


@clause("has forces that are the negative slope of its energy", 1e-8, None, name="forces")
def force_consistency(potential: Potential) -> float:
    """Error of F = −dE/dx along random directions, relative to the norm of the forces."""

    def energy(step: float, atoms: Any, direction: Floats) -> float:
        moved = atoms.copy()
        moved.positions += step * direction
        return float(energies(potential, moved).sum())

    worst = 0.0
    rng = np.random.default_rng(5)
    for atoms in (rattled(potential.cutoff), small_cell(potential.cutoff)):
        found = forces(potential, atoms)
        for direction in rng.normal(size=(2, *found.shape)):
            along = partial(energy, atoms=atoms, direction=direction)
            error = abs(_slope(along, 2e-5 * potential.cutoff) + np.sum(found * direction))
            worst = float(np.maximum(worst, error / np.linalg.norm(found)))
    return worst


@clause("has a stress that is the slope of its energy under strain", 1e-8, None, name="stress")
def stress_consistency(potential: Potential) -> float:
    """Error of V σ = dE/dε along random strains, relative to the norm of V σ."""

    def energy(step: float, atoms: Any, direction: Floats) -> float:
        strained = atoms.copy()
        strained.set_cell(atoms.cell.array @ (np.eye(3) + step * direction), scale_atoms=True)
        return float(energies(potential, strained).sum())

    worst = 0.0
    rng = np.random.default_rng(6)
    for atoms in (rattled(potential.cutoff), small_cell(potential.cutoff)):
        stress = potential(graph(potential, atoms), stress=True).stress
        virial = stress[0].to(torch.float64).cpu().numpy() / GPA * atoms.get_volume()
        for direction in rng.normal(size=(2, 3, 3)):
            along = partial(energy, atoms=atoms, direction=direction)
            error = abs(_slope(along, 5e-5) - np.sum(virial * direction))
            worst = float(np.maximum(worst, error / np.linalg.norm(virial)))
    return worst


@clause("has continuous energies and forces where an atom leaves the cutoff", 1e-5, 1e-4)
def smooth_cutoff(potential: Potential) -> float:
    """Jump of energies and forces where an atom leaves the cutoff, relative to their scale.

    The change across the cutoff is taken over two intervals, the second twice as long, and
    extrapolated linearly to none.
    """

    def change(step: float) -> AtomicValues:
        outside = predict(potential, molecule(potential.cutoff, 1 + step))
        inside = predict(potential, molecule(potential.cutoff, 1 - step))
        return AtomicValues(outside.energies - inside.energies, outside.forces - inside.forces)

    near, far = change(1e-4), change(2e-4)
    scale = predict(potential, molecule(potential.cutoff))
    energy = np.abs(2 * near.energies - far.energies).max() / scale.energy_scale
    force = np.abs(2 * near.forces - far.forces).max() / np.float64(scale.force_scale)
    return float(np.maximum(energy, force))


@clause(
    "answers small displacements in proportion to them, also where atoms are in line",
    1e-2,
    None,
    name="atoms in line",
)
def linear_response(potential: Potential) -> float:
    """Compare the force constants of a perfect crystal from displacements of two sizes.

    One atom moves by 5e-5 and by 5e-4 cutoffs along a random direction; the largest difference of
    a force constant over the root mean square of all. A kink of the energy, as functions of an
    angle other than its cosine have at 180°, makes them differ.
    """
    atoms = bulk("Si", "fcc", a=0.9 * potential.cutoff, cubic=True)
    direction = np.random.default_rng(9).normal(size=3)

    def constants(step: float) -> Floats:
        ahead, behind = atoms.copy(), atoms.copy()
        ahead.positions[0] += step * potential.cutoff * direction
        behind.positions[0] -= step * potential.cutoff * direction
        return (forces(potential, ahead) - forces(potential, behind)) / step

    small, large = constants(5e-5), constants(5e-4)
    return float(np.abs(large - small).max() / np.sqrt(np.mean(large**2)))


def _force_loss(potential: Potential, scale: float) -> Tensor:
    """Return a mean squared force error on a perfect crystal, a rattled one and a lone atom."""
    batch = graph(potential, crystal(potential.cutoff), rattled(potential.cutoff), isolated(TARGET))
    found = potential(batch, training=True).forces
    noise = np.random.default_rng(7).normal(size=tuple(found.shape))
    label = torch.as_tensor(noise, dtype=found.dtype, device=found.device)
    loss: Tensor = (found / scale - label).square().mean()
    return loss


def _force_loss_gradient(potential: Potential, scale: float) -> list[Tensor]:
    """Return the gradient of the force loss, a tensor per trainable parameter."""
    weights = [p for p in potential.backbone.parameters() if p.requires_grad]
    loss = _force_loss(potential, scale)
    found = torch.autograd.grad(loss, weights, allow_unused=True)
    return [torch.zeros_like(w) if g is None else g for w, g in zip(weights, found, strict=True)]


def _force_scale(potential: Potential) -> float:
    return predict(potential, rattled(potential.cutoff)).force_scale


@clause("has a finite gradient of a force loss, also where atoms are in line or alone")
def finite_gradient(potential: Potential) -> float:
    """Count the parameters whose force-loss gradient is not finite.

    The batch has a perfect crystal, where atoms are exactly in line, and an isolated atom.
    """
    gradient = _force_loss_gradient(potential, _force_scale(potential))
    return float(sum(not bool(g.isfinite().all()) for g in gradient))


@clause(
    "has a gradient of a force loss that is the loss's slope in the weights",
    1e-6,
    None,
    name="force-loss gradient",
)
def force_loss_gradient(potential: Potential) -> float:
    """Error of the force loss's derivative along random changes of the weights.

    Relative to the root mean square of that derivative over all directions.
    """
    trial = copy.deepcopy(potential)
    scale = _force_scale(potential)
    gradient = _force_loss_gradient(trial, scale)
    weights = [p for p in trial.backbone.parameters() if p.requires_grad]
    start = [w.detach().clone() for w in weights]
    rng = np.random.default_rng(8)

    def loss(step: float, change: list[Tensor]) -> float:
        with torch.no_grad():
            for weight, origin, delta in zip(weights, start, change, strict=True):
                weight.copy_(origin + step * delta)
        return float(_force_loss(trial, scale).detach())

    worst = 0.0
    for _ in range(2):
        # Each tensor changes in proportion to its own size, and by 0.1 where it is all zero.
        change = [
            torch.as_tensor(rng.normal(size=tuple(w.shape)), dtype=w.dtype, device=w.device)
            * (float(w.square().mean().sqrt()) or 0.1)
            for w in start
        ]
        terms = torch.cat([(g * d).ravel() for g, d in zip(gradient, change, strict=True)])
        error = abs(_slope(partial(loss, change=change), 3e-5) - float(terms.sum()))
        worst = float(np.maximum(worst, error / np.float64(terms.norm().item())))
    return worst
