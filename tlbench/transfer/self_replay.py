"""Training on target data beside structures that the source model has labelled itself."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from ase.data import covalent_radii

from tlbench.base.errors import InputError
from tlbench.base.seeds import stream
from tlbench.data.frames import Frames
from tlbench.graphs import Graph, GraphSet
from tlbench.transfer.mixed import replayed
from tlbench.transfer.strategy import Strategy

if TYPE_CHECKING:
    from tlbench.models.potential import Potential

STRUCTURES = 32
"""Number of structures that are made."""

SCALES = np.linspace(0.75, 1.25, 6)
"""Lengths that are tried, over those that covalent radii make one expect."""

RATTLE, STRAIN = 0.1, 0.03
"""Standard deviations of the components of a displacement, Å, and of a strain."""

ATOMS = 256
"""Atoms that are predicted at once."""

LARGEST_FORCE = 30.0
"""Structures with a larger component of a force are left out, eV/Å."""


def labelled_by_source(potential: "Potential", frames: Frames, seed: int) -> Frames:
    """Return structures of elements that the source model knows, with labels that it predicts.

    They are the target's training structures in other elements: each element of a structure
    becomes one, drawn at random, of those that the source model was trained on, without the
    target's as long as there are others. Otherwise the same structures would have two labels.
    Lengths are scaled so that the energy is lowest, then atoms are displaced and the cell is
    strained. So a model of one element is held to what it knows of that element, and a universal
    one to what it knows of the periodic table, in the phases that the target is sampled in.

    What a source model was trained on is what has a reference energy; it is the potential that
    training starts from which labels.

    Parameters
    ----------
    potential
        The potential that training starts from.
    frames
        Training structures of the target.
    seed
        Draws elements, displacements and strains.

    Raises
    ------
    InputError
        If the potential does not say which elements it was trained on, or has sensible forces
        in none of the structures.
    """
    random = np.random.default_rng(stream("self-replay", seed))
    known = potential.reference_energy.isfinite().nonzero().flatten().tolist()
    elements = [z for z in known if z not in frames.elements()] or known
    if not elements:
        raise InputError(
            f"self-replay: the source model ({potential.name}) has no reference energies, which "
            "say on which elements it was trained, so that no structures can be made of them; "
            "choose another strategy."
        )
    made = frames.select(np.resize(random.permutation(len(frames)), STRUCTURES))
    made = _in_other_elements(made, elements, random)
    made = _scaled(made, _lowest(potential, made))
    made = _labelled(potential, _disturbed(made, random))
    forces = np.abs(made.forces).max(axis=1)
    usable = np.maximum.reduceat(forces, made.atom_start) < LARGEST_FORCE
    if not usable.any():
        raise InputError(
            f"self-replay: all {STRUCTURES} structures that the source model ({potential.name}) "
            f"should label have forces above {LARGEST_FORCE:g} eV/Å or none that are finite; "
            "choose another strategy."
        )
    return made.select(usable)


def _in_other_elements(frames: Frames, elements: list[int], random: np.random.Generator) -> Frames:
    """Return structures with the elements of each replaced, and lengths as their radii suggest."""
    numbers, scales = frames.atomic_numbers.copy(), np.ones(len(frames))
    for index, (start, count) in enumerate(zip(frames.atom_start, frames.n_atoms, strict=True)):
        before = frames.atomic_numbers[start : start + count]
        own, which = np.unique(before, return_inverse=True)
        drawn = random.choice(elements, size=len(own), replace=len(elements) < len(own))
        numbers[start : start + count] = drawn[which]
        scales[index] = covalent_radii[drawn[which]].mean() / covalent_radii[before].mean()
    return _scaled(replace(frames, atomic_numbers=numbers), scales)


def _scaled(frames: Frames, scales: np.ndarray) -> Frames:
    """Return structures with all lengths multiplied by (frames,) factors."""
    return replace(
        frames,
        positions=frames.positions * np.repeat(scales, frames.n_atoms)[:, None],
        cell=frames.cell * scales[:, None, None],
    )


def _disturbed(frames: Frames, random: np.random.Generator) -> Frames:
    """Return structures with strained cells and displaced atoms."""
    strain = STRAIN * random.standard_normal((len(frames), 3, 3))
    deformation = np.eye(3) + (strain + strain.swapaxes(1, 2)) / 2
    moved = np.einsum("ni,nij->nj", frames.positions, np.repeat(deformation, frames.n_atoms, 0))
    displaced = moved + RATTLE * random.standard_normal(moved.shape)
    return replace(frames, positions=displaced, cell=frames.cell @ deformation)


def _lowest(potential: "Potential", frames: Frames) -> np.ndarray:
    """Return the factors (frames,) of lengths at which energies are lowest."""
    energies = []
    for scale in SCALES:
        graphs = _graphs(potential, _scaled(frames, np.full(len(frames), scale)))
        with torch.no_grad():
            found = [potential.backbone(graph) for graph in graphs]
        energies.append(torch.cat(found).double().cpu().numpy())
    sums = np.add.reduceat(np.array(energies), frames.atom_start, axis=1)
    best: np.ndarray = SCALES[np.nan_to_num(sums, nan=np.inf).argmin(axis=0)]
    return best


def _labelled(potential: "Potential", frames: Frames) -> Frames:
    """Return structures with what a potential predicts; stresses of those that are periodic."""
    periodic = bool(frames.pbc.all())
    found = [potential(graph, stress=periodic) for graph in _graphs(potential, frames)]
    stress = [each.stress for each in found if each.stress is not None]
    return replace(
        frames,
        energy=torch.cat([each.energy for each in found]).double().cpu().numpy(),
        forces=torch.cat([each.forces for each in found]).double().cpu().numpy(),
        stress=torch.cat(stress).double().cpu().numpy()
        if stress
        else np.full((len(frames), 3, 3), np.nan),
    )


def _graphs(potential: "Potential", frames: Frames) -> list[Graph]:
    """Return the structures in batches of a few hundred atoms, in their order."""
    graphs = GraphSet(frames, potential.cutoff, potential.device, potential.dtype)
    number = (np.cumsum(frames.n_atoms) - 1) // ATOMS
    return [graphs.batch(np.flatnonzero(number == n).tolist()) for n in np.unique(number)]


SELF_REPLAY = Strategy(
    name="self-replay",
    summary="from the source model; every weight trains, on batches of which two fifths are "
    "structures of elements that the source model knows, with labels that it predicts",
    literature="Robins, Connection Science 7, 123 (1995) (pseudorehearsal); Li & Hoiem, ECCV "
    "2016, arXiv 1606.09282 (learning without forgetting); for potentials Tompa et al., "
    "arXiv 2606.12704 (pseudolabelled replay)",
    needs_source=True,
    trains=True,
    smallest_batch=2,
    replay=labelled_by_source,
    batches=replayed,
)
