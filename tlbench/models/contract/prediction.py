"""Small structures, in units of the cutoff, in which a wrong backbone shows.

Lengths scale with the cutoff, so every backbone sees the same neighbours. No pair is within
1 % of the cutoff, so finite differences carry no edge across it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk

from tlbench.data.frames import Floats, Frames
from tlbench.graphs import Graph, graph_of
from tlbench.models.backbones import BACKBONES, BackboneConfig
from tlbench.models.potential import Potential, build_potential

SOURCE, TARGET = 14, 32
"""Atomic numbers of the two elements: silicon and germanium."""

OTHERS = 42, 74
"""Two elements more, molybdenum and tungsten, for structures of four."""


def crystal(cutoff: float) -> Any:
    """Return a perfect diamond crystal: 2 atoms that neighbour their own images, in line."""
    # Rounded so that coordinates are exact in binary, and atoms in line are so exactly.
    lattice_constant = round(10.4 * cutoff) / 8
    return Atoms(
        [SOURCE, SOURCE],
        positions=[[0.0, 0.0, 0.0], 3 * [lattice_constant / 4]],
        cell=lattice_constant / 2 * (1 - np.eye(3)),
        pbc=True,
    )


def rattled(cutoff: float) -> Any:
    """Return 8 displaced atoms of four elements in a sheared cell, without any symmetry."""
    atoms = bulk("Si", "diamond", a=1.3 * cutoff, cubic=True)
    atoms.numbers[[1, 4, 5]] = TARGET
    atoms.numbers[[2, 7]] = OTHERS
    shear = np.array([[1.0, 0.0, 0.0], [0.02, 0.99, 0.0], [-0.03, 0.01, 1.01]])
    atoms.set_cell(atoms.cell.array @ shear, scale_atoms=True)
    atoms.positions += cutoff * np.random.default_rng(1).normal(scale=0.02, size=(8, 3))
    return atoms


def small_cell(cutoff: float) -> Any:
    """Return 2 atoms in a skewed cell with all widths below 0.8 cutoff."""
    cell = cutoff * np.array([[0.62, 0.0, 0.0], [0.25, 0.70, 0.05], [-0.20, 0.15, 0.78]])
    return Atoms(
        [SOURCE, TARGET],
        scaled_positions=[[0.05, 0.1, 0.0], [0.47, 0.61, 0.42]],
        cell=cell,
        pbc=True,
    )


def molecule(cutoff: float, distance: float = 0.7) -> Any:
    """Return 4 atoms without a cell, the first and last ``distance`` cutoffs apart."""
    positions = [[0.0, 0.0, 0.0], [-0.45, 0.2, 0.1], [0.5, 0.35, 0.0], [distance, 0.0, 0.0]]
    return Atoms([SOURCE, TARGET, SOURCE, TARGET], positions=cutoff * np.array(positions))


def isolated(element: int = SOURCE) -> Any:
    """Return a single atom without a cell."""
    return Atoms([element], positions=[[0.3, -0.2, 0.1]])


@dataclass(frozen=True)
class AtomicValues:
    """Energies (n_atoms,) eV and forces (n_atoms, 3) eV/Å of all atoms of some structures."""

    energies: Floats
    forces: Floats

    @property
    def force_scale(self) -> float:
        """Root mean square force component, eV/Å."""
        return float(np.sqrt(np.mean(self.forces**2)))

    @property
    def energy_scale(self) -> float:
        """Root mean square energy of an atom plus the work of the rms force over 1 Å, eV."""
        return float(np.sqrt(np.mean(self.energies**2))) + self.force_scale


def graph(potential: Potential, *structures: Any, reach: float = 1.0) -> Graph:
    """Return ``ase.Atoms`` as one graph with edges up to ``reach`` cutoffs."""
    frames = Frames.unlabelled(structures)
    return graph_of(frames, reach * potential.cutoff, potential.device, potential.dtype)


def energies(potential: Potential, *structures: Any, reach: float = 1.0) -> Floats:
    """Return the energy of every atom of ``structures``, eV, computed as one batch."""
    with torch.no_grad():
        found = potential.backbone(graph(potential, *structures, reach=reach))
    return np.asarray(found.to(torch.float64).cpu().numpy())


def forces(potential: Potential, *structures: Any, reach: float = 1.0) -> Floats:
    """Return the forces of all ``structures``, eV/Å, computed as one batch."""
    found = potential(graph(potential, *structures, reach=reach)).forces
    return np.asarray(found.to(torch.float64).cpu().numpy())


def predict(potential: Potential, *structures: Any, reach: float = 1.0) -> AtomicValues:
    """Return energies and forces of ``structures``, computed as one batch."""
    return AtomicValues(
        energies(potential, *structures, reach=reach),
        forces(potential, *structures, reach=reach),
    )


def difference(found: AtomicValues, expected: AtomicValues) -> float:
    """Return the largest error of an energy or a force, relative to the scale of ``expected``.

    NaN, which no tolerance admits, where a prediction is not finite or all forces are zero.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        energy = np.abs(found.energies - expected.energies) / np.float64(expected.energy_scale)
        force = np.abs(found.forces - expected.forces) / np.float64(expected.force_scale)
    return float(np.max(np.concatenate([energy.ravel(), force.ravel()])))


@contextmanager
def registered(name: str, config: BackboneConfig) -> Iterator[None]:
    """Let ``name`` stand for the class of ``config``, for as long as the context lasts."""
    if name in BACKBONES:
        yield
        return
    BACKBONES.register(name, type(config))
    try:
        yield
    finally:
        del BACKBONES._entries[name]


def random_potential(config: BackboneConfig, dtype: torch.dtype, seed: int = 0) -> Potential:
    """Return a potential with random weights, and leave torch's generator as it was."""
    name = f"{type(config).__module__}:{type(config).__qualname__}"
    with registered(name, config), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_potential(name, config.model_dump(), dtype)
