"""Structures that the source model labels itself, and what replaying them keeps."""

from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch
from ase.data import covalent_radii
from transferred import SI, run

from tlbench.base.errors import InputError
from tlbench.graphs import GraphSet
from tlbench.models.backbones.base import Backbone
from tlbench.models.backbones.schnet import SchNetConfig
from tlbench.models.potential import Potential
from tlbench.transfer import STRATEGIES
from tlbench.transfer.self_replay import LARGEST_FORCE, STRUCTURES, labelled_by_source

GE, NA, CU = 32, 11, 29


class LennardJones(Backbone):
    """Pairs whose energy is lowest at a multiple of the sum of covalent radii."""

    def __init__(self, stretch: float, cutoff: float = 9.0) -> None:
        super().__init__(SchNetConfig(cutoff=cutoff))
        self.depth = torch.nn.Parameter(torch.tensor(0.1, dtype=torch.float64))
        self.stretch = stretch

    def forward(self, graph):
        centre, neighbour = graph.edge_index
        radii = torch.as_tensor(covalent_radii)[graph.atomic_numbers]
        ratio = self.stretch * (radii[centre] + radii[neighbour]) / graph.edge_vectors().norm(dim=1)
        pairs = self.depth * (ratio**12 - 2 * ratio**6)
        return torch.zeros_like(radii).index_add(0, centre, pairs)

    def element_parameters(self):
        return {}


def source(known, stretch: float = 1.1) -> Potential:
    potential = Potential("pairs", LennardJones(stretch))
    potential.reference_energy[list(known)] = 0.0
    return potential


def nearest(frames, cutoff: float = 9.0):
    """Return the shortest distance in every structure over the sum of its covalent radii."""
    graphs, found = GraphSet(frames, cutoff), []
    for index in range(len(frames)):
        graph = graphs.batch([index])
        radii = torch.as_tensor(covalent_radii)[graph.atomic_numbers]
        widths = radii[graph.edge_index].sum(dim=0)
        found.append(float((graph.edge_vectors().norm(dim=1) / widths).min()))
    return np.array(found)


def test_structures_are_of_elements_that_the_source_knows_and_the_target_lacks():
    made = labelled_by_source(source([NA, CU, GE]), tiny.crystals("Ge", 3), 0)
    assert made.elements() == [NA, CU]
    assert len(made) == STRUCTURES
    alone = labelled_by_source(source([GE]), tiny.crystals("Ge", 3), 0)
    assert alone.elements() == [GE]


def test_every_element_of_a_structure_becomes_one():
    frames = tiny.crystals("Ge", 1)
    frames.atomic_numbers[:4] = 6
    made = labelled_by_source(source([NA, CU, GE]), frames, 0)
    for start in made.atom_start:
        numbers = made.atomic_numbers[start : start + 8]
        assert {*numbers[:4]} != {*numbers[4:]}
        assert len({*numbers[:4]}) == len({*numbers[4:]}) == 1


def test_labels_are_what_the_source_predicts():
    potential = tiny.potential("schnet", dtype=torch.float64)
    potential.reference_energy[SI] = -4.0
    made = labelled_by_source(potential, tiny.crystals("Ge", 3), 0)
    found = potential(
        tiny.labelled(made, potential).batch(torch.arange(len(made))).graph, stress=True
    )
    assert np.allclose(made.energy, found.energy, rtol=0, atol=1e-10)
    assert np.allclose(made.forces, found.forces, rtol=0, atol=1e-10)
    assert np.allclose(made.stress, found.stress, rtol=0, atol=1e-10)


@pytest.mark.parametrize("stretch", [0.8, 1.2])
def test_lengths_are_those_of_the_lowest_energy(stretch):
    """Crystals are as wide as the source model has them, not as the target or as radii have."""
    made = labelled_by_source(source([NA, CU], stretch), tiny.crystals("Ge", 3), 0)
    # Neighbours beyond the nearest pull them a little closer, and rattling shortens the shortest.
    assert abs(np.median(nearest(made)) / stretch - 0.9) < 0.12
    assert np.abs(made.forces).max() < LARGEST_FORCE


def test_structures_depend_on_the_seed_alone_and_differ():
    frames = tiny.crystals("Ge", 1)
    one, again, other = (labelled_by_source(source([NA, CU]), frames, n) for n in (0, 0, 1))
    assert one.digest() == again.digest() != other.digest()
    assert len(np.unique(one.energy)) == len(one)


def test_molecules_have_no_stress():
    frames = tiny.crystals("Ge", 2)
    free = replace(frames, pbc=np.zeros_like(frames.pbc))
    made = labelled_by_source(source([NA]), free, 0)
    assert np.isnan(made.stress).all()
    assert np.isfinite(made.forces).all()


def test_a_source_that_knows_nothing_is_refused():
    with pytest.raises(InputError, match="has no reference energies"):
        labelled_by_source(source([]), tiny.crystals("Ge", 1), 0)


def test_a_source_without_sensible_forces_is_refused():
    potential = source([NA])
    potential.backbone.depth.data *= 1e6
    with pytest.raises(InputError, match="all 32 structures"):
        labelled_by_source(potential, tiny.crystals("Ge", 1), 0)


def test_less_is_forgotten(tmp_path):
    """Training moves the predictions for silicon less far away from those of the source."""
    silicon = tiny.crystals("Si", 6, seed=5)
    distance = {}
    for name in ("finetune", "self-replay"):
        potential = tiny.potential("schnet")
        batch = tiny.labelled(silicon, potential).batch(torch.arange(6))
        before = potential(batch.graph).forces
        run(potential, name, tmp_path / name, updates=300)
        distance[name] = float((potential(batch.graph).forces - before).square().mean() ** 0.5)
    assert distance["self-replay"] < 0.5 * distance["finetune"]


def test_no_source_data_are_needed():
    strategy = STRATEGIES.get("self-replay")
    assert not strategy.needs_source_data
    assert strategy.replays
