"""Speed of labelling data, with an independent implementation beside it."""

import warnings

import numpy as np
import pytest

from tlbench.data.frames import Frames
from tlbench.graphs import graph_of, neighbours
from tlbench.reference.stillinger_weber import StillingerWeber

REPLICAS = 32


@pytest.fixture(scope="module")
def replicas(thermal_silicon):
    return thermal_silicon(REPLICAS)


@pytest.mark.benchmark(group="Stillinger-Weber: energy, forces and stress of 32 x 64 atoms")
def test_stillinger_weber(benchmark, replicas):
    potential = StillingerWeber("Si")
    graph = graph_of(Frames.unlabelled(replicas), potential.cutoff)
    labels = benchmark(potential, graph)
    assert labels.forces.shape == (REPLICAS * 64, 3)


@pytest.mark.benchmark(group="Stillinger-Weber: energy, forces and stress of 32 x 64 atoms")
def test_stillinger_weber_matscipy(benchmark, replicas):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from matscipy.calculators.manybody import Manybody
        from matscipy.calculators.manybody.explicit_forms import stillinger_weber as explicit

    form = explicit.StillingerWeber(explicit.Stillinger_Weber_PRB_31_5262_Si)

    def label():
        for atoms in replicas:
            atoms.calc = Manybody(**form)
            atoms.get_forces()
            atoms.get_stress()

    benchmark(label)


@pytest.mark.benchmark(group="neighbour list: 64 atoms, 5 A")
def test_neighbours(benchmark, replicas):
    atoms = replicas[0]
    cell, pbc = np.asarray(atoms.cell), np.asarray(atoms.pbc)
    found = benchmark(neighbours, atoms.positions, cell, pbc, 5.0)
    assert found.edge_index.shape[0] == 2


@pytest.mark.benchmark(group="neighbour list: 64 atoms, 5 A")
def test_neighbours_matscipy(benchmark, replicas):
    from matscipy.neighbours import neighbour_list

    benchmark(neighbour_list, "ijS", replicas[0], 5.0)
