"""Dynamics of a potential that is neither a model nor one of tlbench's own."""

from types import SimpleNamespace

import tiny
import torch

from tlbench.graphs import graph_of
from tlbench.md.batch import ForceField


class Springs:
    """Pulls every pair of neighbours together with the same force."""

    cutoff = 3.0

    def __call__(self, graph):
        i, _ = graph.edge_index
        forces = torch.zeros_like(graph.positions).index_add(0, i, graph.edge_vectors())
        return SimpleNamespace(energy=torch.zeros(int(graph.system.max()) + 1), forces=forces)


def test_any_function_of_graphs_with_a_cutoff_is_a_force_field():
    frames = tiny.crystals("Si", 2)
    field = ForceField.of(Springs())
    found = field.evaluate(graph_of(frames, field.cutoff))
    assert field.cutoff == 3.0
    assert found.forces.shape == frames.positions.shape
    assert torch.allclose(found.forces.sum(dim=0), torch.zeros(3, dtype=torch.float64), atol=1e-9)
