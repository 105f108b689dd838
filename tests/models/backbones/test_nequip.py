"""NequIP from its own package: the contract, the package's own forces, and no side effects."""

import random
import subprocess
import sys

import numpy as np
import torch
from nequip.data import AtomicDataDict
from nequip.nn import ForceStressOutput
from structures import liquid

from tlbench.graphs import graph_of
from tlbench.models.backbones.nequip import NequIPConfig
from tlbench.models.potential import build_potential
from tlbench.testing import BackboneContract

SMALL = {"cutoff": 4.0, "n_features": 8, "radial_channels": 8}


class TestDefault(BackboneContract):
    config = NequIPConfig(cutoff=4.0)


class TestBothParities(BackboneContract):
    config = NequIPConfig(**SMALL, lmax=2, parity=True)


def test_forces_are_those_of_the_packages_own_derivative():
    torch.manual_seed(0)
    potential = build_potential("nequip", SMALL, torch.float64)
    frames = liquid(n_atoms=12)
    found = potential(graph_of(frames, 4.0), stress=True)
    graph = graph_of(frames, 4.0)
    cell = torch.as_tensor(frames.cell)
    data = {
        AtomicDataDict.POSITIONS_KEY: graph.positions.clone(),
        AtomicDataDict.ATOM_TYPE_KEY: graph.atomic_numbers,
        AtomicDataDict.EDGE_INDEX_KEY: graph.edge_index,
        AtomicDataDict.EDGE_CELL_SHIFT_KEY: graph.edge_shift @ torch.linalg.inv(cell[0]),
        AtomicDataDict.CELL_KEY: cell,
        AtomicDataDict.BATCH_KEY: graph.system,
        AtomicDataDict.NUM_NODES_KEY: torch.tensor([graph.n_atoms]),
    }
    theirs = ForceStressOutput(potential.backbone.network)(data)
    torch.testing.assert_close(found.forces, theirs[AtomicDataDict.FORCE_KEY], rtol=0, atol=1e-10)
    stress = theirs[AtomicDataDict.STRESS_KEY] * 160.2176634
    torch.testing.assert_close(found.stress, stress, rtol=0, atol=1e-8)


STATE = """
import os, random, torch, numpy, warnings, e3nn.o3, scipy.stats  # which have filters of their own
def state():
    flags = (torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled(),
        torch.are_deterministic_algorithms_enabled(), torch.get_float32_matmul_precision(),
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.benchmark,
        torch.multiprocessing.get_sharing_strategy(), len(warnings.filters),
        sorted(os.environ.items()))
    return flags, random.getstate(), numpy.random.get_state()[1].tolist()
before = state()
torch.manual_seed(7)
drawn = torch.get_rng_state()
from tlbench.models.backbones import BACKBONES
BACKBONES.get('nequip')
from tlbench.models.backbones.nequip.model import NequIP
assert torch.equal(torch.get_rng_state(), drawn)
from tlbench.models.potential import build_potential
potential = build_potential('nequip', {'n_features': 4, 'radial_channels': 4})
after = state()
for one, other in zip(before, after):
    assert one == other, (one, other)
print('unchanged')
"""


def test_importing_and_building_it_changes_nothing_for_the_process():
    shown = subprocess.run(
        [sys.executable, "-c", STATE], capture_output=True, text=True, check=False
    )
    assert shown.stdout.strip() == "unchanged", shown.stderr[-2000:]


def test_a_neighbour_in_the_process_is_built_the_same_before_and_after():
    def neighbour():
        torch.manual_seed(3)
        random.seed(3)
        np.random.seed(3)  # whoever else uses it
        potential = build_potential("schnet", {"cutoff": 4.0})
        found = potential(graph_of(liquid(n_atoms=12), 4.0, dtype=torch.float32))
        return found.forces, random.random(), np.random.random()

    before = neighbour()
    build_potential("nequip", SMALL, torch.float64)
    after = neighbour()
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]
    assert after[0].dtype == torch.float32
