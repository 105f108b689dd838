"""What a batch finds beside forces."""

import numpy as np
import torch
from ase import Atoms
from ase.data import covalent_radii

from tlbench.data.frames import Frames
from tlbench.md.batch import Batch, ForceField
from tlbench.models.potential import Prediction

DIMER, TRIMER = (
    Atoms("SiGe", [[0, 0, 0], [0, 0, 2.0]]),
    Atoms("HSi2", [[0, 0, 0], [0, 2, 0], [3, 0, 0]]),
)
LONE, FAR = Atoms("Si"), Atoms("Si2", [[0, 0, 0], [0, 0, 9.0]])


def nothing(graph):
    zeros = torch.zeros_like(graph.positions)
    return Prediction(zeros.new_zeros(graph.n_systems), zeros, None)


def test_the_closest_pair_of_each_structure():
    """Also of structures without a pair, wherever they stand in the batch."""
    si, ge, h = (covalent_radii[z] for z in (14, 32, 1))
    ratios = [2.0 / (si + ge), np.inf, 2.0 / (h + si), np.inf]
    kinds = [DIMER, LONE, TRIMER, FAR]
    for order in ([0, 1, 2, 3], [1, 0, 3, 2], [3, 1], [2], [1]):
        frames = Frames.unlabelled([kinds[i] for i in order])
        batch = Batch(frames, ForceField(nothing, 4.0))
        batch.forces(torch.as_tensor(frames.positions))
        np.testing.assert_allclose(batch.closest, [ratios[i] for i in order], rtol=1e-14)


def test_forces_get_the_edges_within_the_cutoff_alone():
    seen = []

    def watching(graph):
        seen.append(graph.edge_vectors().norm(dim=1))
        return nothing(graph)

    frames = Frames.unlabelled([Atoms("Si3", [[0, 0, 0], [0, 0, 3.9], [0, 4.2, 0]])])
    Batch(frames, ForceField(watching, 4.0)).forces(torch.as_tensor(frames.positions))
    assert seen[0].tolist() == [3.9, 3.9]
