"""Sums and maxima over the atoms of each structure, one by one."""

import numpy as np
import torch

from tlbench.md.segments import Segments, squares

N_ATOMS = np.array([3, 1, 4])
VECTORS = torch.as_tensor(np.random.default_rng(0).normal(size=(8, 3)))


def test_sums_and_maxima_are_those_of_each_structure_alone():
    segments = Segments(N_ATOMS)
    parts = VECTORS.split(N_ATOMS.tolist())
    assert segments.system.tolist() == [0, 0, 0, 1, 2, 2, 2, 2]
    sums = torch.stack([part.sum() for part in parts])
    torch.testing.assert_close(segments.sums(VECTORS), sums, rtol=1e-14, atol=1e-15)
    furthest = torch.stack([part.norm(dim=1).max() ** 2 for part in parts])
    found = segments.maxima(squares(VECTORS))
    torch.testing.assert_close(found, furthest, rtol=1e-14, atol=0)


def test_what_is_not_a_number_is_seen_in_its_structure_alone():
    vectors = VECTORS.clone()
    vectors[4, 1] = torch.nan
    found = Segments(N_ATOMS).maxima(squares(vectors))
    assert found.isnan().tolist() == [False, False, True]
