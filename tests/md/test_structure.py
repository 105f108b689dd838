"""Radial and angular distributions: exact crystal shells, an ideal gas, and ase's own."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from ase.geometry.rdf import get_rdf
from structures import LATTICE_CONSTANT, diamond, liquid, skewed

from tlbench.data.frames import Frames
from tlbench.md.structure import (
    N_DISTANCES,
    REACH,
    Structures,
    angles,
    averages,
    count_frames,
    distances,
    rdf,
)

WIDTH = REACH / N_DISTANCES


def test_a_crystal_has_its_shells_and_its_angle():
    """4, 12 and 12 neighbours at a√3/4, a/√2 and a√11/4; 6 at a; bonds at 109.47°."""
    a = LATTICE_CONSTANT["Si"]
    frames = diamond("Si")
    counts = count_frames(frames)
    per_atom = counts.pairs[0] / 8
    shells = {a * 3**0.5 / 4: 4, a / 2**0.5: 12, a * 11**0.5 / 4: 12, a: 6}
    expected = np.zeros(N_DISTANCES)
    for distance, number in shells.items():
        expected[int(distance / WIDTH)] = number
    assert np.array_equal(per_atom[: int(a / WIDTH) + 1], expected[: int(a / WIDTH) + 1])
    found = averages(counts, frames)
    assert found.coordination == 4
    tetrahedral = np.degrees(np.arccos(-1 / 3))
    assert np.flatnonzero(found.adf).tolist() == [int(tetrahedral / 2)]
    assert found.adf.sum() * np.radians(2) == pytest.approx(1)
    assert angles()[int(tetrahedral / 2)] == pytest.approx(tetrahedral, abs=1)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_rdf_is_ases(seed):
    """In cells large enough for ase: rattled crystals and a disordered one."""
    images = [bulk("Si", "diamond", a=5.43, cubic=True).repeat(3) for _ in range(2)]
    for number, atoms in enumerate(images):
        atoms.rattle(0.15 + 0.1 * number, seed=seed + number)
    frames = Frames.unlabelled(images)
    found = rdf(count_frames(frames), frames)
    for g, atoms in zip(found, images, strict=True):
        theirs, r = get_rdf(atoms, REACH, N_DISTANCES)
        np.testing.assert_allclose(g, theirs, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(r, distances(), atol=1e-12)


def test_an_ideal_gas_has_no_structure():
    generator = np.random.default_rng(0)
    cell = np.eye(3) * 20
    images = [
        Atoms("Si400", positions=generator.random((400, 3)) @ cell, cell=cell, pbc=True)
        for _ in range(10)
    ]
    frames = Frames.unlabelled(images)
    counts = count_frames(frames)
    g = rdf(counts, frames).mean(axis=0)
    # Each pair is counted from both of its atoms, and an atom is no neighbour of itself.
    error = 1 / np.sqrt(counts.pairs.sum(axis=0)[20:] / 2)
    assert np.all(np.abs(g[20:] - (1 - 1 / 400)) < 4.5 * error)
    assert g[20:].mean() == pytest.approx(1 - 1 / 400, abs=0.01)


def test_an_ideal_gas_has_random_angles():
    generator = np.random.default_rng(1)
    cell = np.eye(3) * 14
    gas = Atoms("Si300", positions=generator.random((300, 3)) @ cell, cell=cell, pbc=True)
    frames = Frames.unlabelled([gas])
    found = averages(count_frames(frames), frames).adf
    theta = np.radians(angles())
    assert np.abs(found - np.sin(theta) / 2).max() < 0.12
    assert (found * theta).sum() / found.sum() == pytest.approx(np.pi / 2, rel=0.02)


def test_angles_are_those_of_a_direct_sum():
    frames = liquid(n_atoms=20, seed=3)
    structures = Structures(frames, shell=3.2)
    found = structures.count(torch.as_tensor(frames.positions))
    cell, x = frames.cell[0], frames.positions
    images = np.array([[i, j, k] for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)])
    expected = np.zeros(90, dtype=int)
    n_bonds = 0
    for i in range(20):
        vectors = (x[None] + (images @ cell)[:, None] - x[i]).reshape(-1, 3)
        length = np.linalg.norm(vectors, axis=1)
        near = vectors[(length > 1e-9) & (length < 3.2)]
        n_bonds += len(near)
        unit = near / np.linalg.norm(near, axis=1, keepdims=True)
        for j in range(len(near)):
            for k in range(j):
                expected[int(np.degrees(np.arccos(np.clip(unit[j] @ unit[k], -1, 1))) / 2)] += 1
    assert np.array_equal(found.bonds[0], expected)
    assert found.neighbours.tolist() == [n_bonds]


def test_each_structure_of_a_batch_is_counted_on_its_own():
    parts = [diamond("Si", rattle=0.2), skewed(n_atoms=3), diamond("Si", (2, 1, 1), rattle=0.1)]
    together = count_frames(Frames.concatenate(parts))
    for number, part in enumerate(parts):
        alone = count_frames(part)
        for name, value in alone.arrays().items():
            assert np.array_equal(getattr(together, name)[number], value[0]), name


def test_an_atom_without_neighbours_counts_as_one():
    lonely = Atoms("Si2", positions=[[0, 0, 0], [7, 7, 7]], cell=np.eye(3) * 15, pbc=True)
    frames = Frames.unlabelled([lonely])
    found = averages(count_frames(frames), frames)
    assert found.coordination == 0
    assert not found.rdf.any()
    assert not found.adf.any()
