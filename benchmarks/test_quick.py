"""Steps well under a second each, which interleaved.py times in two source trees in turn."""

import time
from pathlib import Path

import pytest
import torch
from ase.build import bulk
from steps import advance, begun, update_of

import tlbench
from tlbench.data.frames import Frames
from tlbench.graphs import graph_of
from tlbench.md.batch import ForceField
from tlbench.models.potential import build_potential
from tlbench.reference.stillinger_weber import StillingerWeber

SECONDS, WARM_UP = 1.0, 3
"""How long each step is repeated: the fastest of many calls is the least disturbed."""


@pytest.fixture
def timed(benchmark):
    """Return a function that times another, and says which tlbench that was."""

    def run(function):
        benchmark.extra_info["tlbench"] = str(Path(tlbench.__file__).parent)
        for _ in range(WARM_UP):
            function()
        start = time.perf_counter()
        function()
        rounds = max(5, int(SECONDS / (time.perf_counter() - start)))
        benchmark.pedantic(function, rounds=rounds)

    return run


@pytest.fixture(scope="module")
def graph():
    """Return two thermally displaced 64-atom cells."""
    images = []
    for seed in range(2):
        atoms = bulk("Si", "diamond", a=5.43, cubic=True).repeat(2)
        atoms.rattle(0.1, seed=seed)
        images.append(atoms)
    return graph_of(Frames.unlabelled(images), 4.3, dtype=torch.float32)


def potential(name):
    torch.manual_seed(0)
    return build_potential(name, {"cutoff": 4.3})


@pytest.mark.parametrize("name", ["schnet", "dimenetpp"])
def test_update(timed, graph, name):
    timed(update_of(potential(name), graph))


def test_force_call(timed, graph):
    network = potential("dimenetpp")
    timed(lambda: network(graph))


def test_md_step(timed):
    simulation = begun(ForceField.of(StillingerWeber("Si")), 4, sample_fs=1e6)
    timed(lambda: advance(simulation, 5))
