"""Structures that several benchmarks time."""

import pytest
import torch
from ase.build import bulk


@pytest.fixture(scope="session")
def thermal_silicon():
    """Return a function that makes thermally displaced 64-atom silicon cells."""
    torch.set_num_threads(1)

    def make(count):
        images = []
        for seed in range(count):
            atoms = bulk("Si", "diamond", a=5.43, cubic=True).repeat(2)
            atoms.rattle(0.1, seed=seed)
            images.append(atoms)
        return images

    return make
