"""Speed of labelling data and of neighbour lists, with independent implementations beside."""

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


def test_stillinger_weber(race, replicas):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from matscipy.calculators.manybody import Manybody
        from matscipy.calculators.manybody.explicit_forms import stillinger_weber as explicit

    potential = StillingerWeber("Si")
    graph = graph_of(Frames.unlabelled(replicas), potential.cutoff)
    form = explicit.StillingerWeber(explicit.Stillinger_Weber_PRB_31_5262_Si)

    def label_one_by_one():
        for atoms in replicas:
            atoms.calc = Manybody(**form)
            atoms.get_forces()
            atoms.get_stress()

    row = race(
        f"Stillinger–Weber: energy, forces and stress of {REPLICAS} × 64 atoms",
        lambda: potential(graph),
        label_one_by_one,
        peer="matscipy, one by one",
        rounds=3,
    )
    assert row.ratio > 10


def test_neighbours(race, replicas):
    from matscipy.neighbours import neighbour_list

    atoms = replicas[0]
    cell, pbc = np.asarray(atoms.cell), np.asarray(atoms.pbc)
    row = race(
        "neighbour list of 64 atoms, 5 Å, in canonical order with reverse edges",
        lambda: neighbours(atoms.positions, cell, pbc, 5.0),
        lambda: neighbour_list("ijS", atoms, 5.0),
        peer="matscipy, unsorted",
        rounds=51,
    )
    assert row.ratio > 0.2
