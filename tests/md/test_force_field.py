"""Dynamics of a potential that is neither a model nor one of tlbench's own."""

from types import SimpleNamespace

import pytest
import tiny
import torch

from tlbench.graphs import graph_of
from tlbench.kernels.library import SWITCH, library_for
from tlbench.md.batch import Batch, ForceField
from tlbench.models.potential import build_potential

SCHNET, DIMENET = ("schnet", {"n_interactions": 2}), ("dimenetpp", {"n_blocks": 1})


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


def force_field(name, config, dtype=torch.float32, steepness=1.0):
    torch.manual_seed(0)
    potential = build_potential(name, {"cutoff": tiny.CUTOFF, **config}, dtype)
    with torch.no_grad():
        for block in potential.backbone.interactions if steepness != 1.0 else ():
            block.mlp[0].weight *= steepness
    return ForceField.of(potential)


def forces_of(frames, field):
    return Batch(frames, field).forces(torch.as_tensor(frames.positions)).view(len(frames), -1, 3)


def assert_same_in_batches(field):
    frames = tiny.crystals("Si", 5)
    together = forces_of(frames, field)
    for chosen in ([2], [3, 0], [1, 2, 4]):
        assert torch.equal(forces_of(frames.select(chosen), field), together[chosen])


@pytest.mark.skipif(library_for(torch.zeros(1)) is None, reason="there is no C compiler")
@pytest.mark.parametrize(
    ("name", "config"),
    [
        SCHNET,
        ("schnet", {"hidden_channels": 16, "n_filters": 48, "n_interactions": 1}),
        DIMENET,
        ("dimenetpp", {"hidden_channels": 16, "type_channels": 5, "n_radial": 40}),
    ],
)
def test_structures_whose_forces_do_not_depend_on_the_batch_are_evaluated_together(name, config):
    field = force_field(name, config)
    assert field.at_once == 16
    assert_same_in_batches(field)


@pytest.mark.parametrize(
    ("network", "changes"),
    [
        (SCHNET, {"n_filters": 24}),
        (SCHNET, {"hidden_channels": 20}),
        (SCHNET, {"dtype": torch.float64}),
        (SCHNET, {"steepness": 32.0}),
        (DIMENET, {"hidden_channels": 24}),
        (DIMENET, {"interaction_channels": 24}),
        (DIMENET, {"out_channels": 24}),
        (DIMENET, {"dtype": torch.float64}),
    ],
)
def test_others_are_evaluated_one_by_one(network, changes):
    """Where kernels need other widths or smoother filters, or torch's products have remainders."""
    (name, config), options = network, dict(changes)
    choices = {key: options.pop(key) for key in ("dtype", "steepness") if key in options}
    field = force_field(name, config | options, **choices)
    assert field.at_once == 1
    assert_same_in_batches(field)


def test_so_are_those_without_compiled_kernels(monkeypatch):
    monkeypatch.setenv(SWITCH, "off")
    assert [force_field(*network).at_once for network in (SCHNET, DIMENET)] == [1, 1]
