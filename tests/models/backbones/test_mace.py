"""MACE from its own package, in an environment of its own: the contract, and the package's model.

Elsewhere it is skipped, and ``test_mace_missing.py`` has what holds there.
"""

import math
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from structures import diamond, liquid

from tlbench.graphs import graph_of
from tlbench.models.backbones.mace import MACEConfig
from tlbench.models.contract import contract
from tlbench.models.parameters import copy_element
from tlbench.models.potential import build_potential, load_potential

if find_spec("mace") is None:
    pytest.skip(
        "mace-torch is not installed here; it needs an environment of its own",
        allow_module_level=True,
    )

from tlbench.models.backbones.mace.model import package_network

SILICON, GERMANIUM = 14, 32
SMALL = {"cutoff": 4.0, "channels": 4, "radial_channels": 8, "readout_channels": 4}


# Ours does not, because it does without TorchScript.
as_the_package_warns = pytest.mark.filterwarnings(
    "ignore:The TorchScript type system:UserWarning",
    "ignore:`torch.jit:DeprecationWarning",
)


class TestSmall(contract.BackboneContract):
    config = MACEConfig(**SMALL)


class TestScalars(contract.BackboneContract):
    config = MACEConfig(**SMALL, max_L=0, n_layers=1)


def package_model(potential, elements):
    """Return the package's model for some elements, with the weights that ours has for them."""
    ours = potential.backbone
    weights = dict(ours.network.named_parameters())
    before = torch.get_default_dtype()
    torch.set_default_dtype(potential.dtype)
    theirs = package_network(ours.config, elements)
    torch.set_default_dtype(before)
    for name, parameter in theirs.named_parameters():
        if ".symmetric_contractions." in name:
            found = weights[name][elements]
        elif name == "node_embedding.linear.weight":
            found = weights["node_embedding.table"][elements] * math.sqrt(len(elements))
        elif name.endswith(".skip_tp.weight"):
            table = weights[name.replace(".weight", ".table")][elements]
            # Degree, channel, element, channel, as e3nn keeps them.
            found = table.permute(1, 2, 0, 3) * math.sqrt(len(elements))
        else:
            found = weights[name]
        parameter.data = found.detach().reshape(parameter.shape).clone()
    return theirs


@as_the_package_warns
@pytest.mark.parametrize(
    ("settings", "elements"),
    [
        ({}, [SILICON]),
        ({}, [SILICON, GERMANIUM]),
        ({"max_L": 2, "n_layers": 3}, [*range(119)]),
        ({"max_L": 0, "n_layers": 1, "correlation": 1}, [GERMANIUM, SILICON]),
    ],
)
def test_a_model_of_the_package_with_the_same_weights_gives_the_same(settings, elements):
    torch.manual_seed(0)
    potential = build_potential("mace", {**SMALL, **settings}, torch.float64)
    frames = liquid(n_atoms=12)
    frames.atomic_numbers[:] = np.resize([SILICON, GERMANIUM][: len(elements)], 12)
    graph = graph_of(frames, 4.0)
    found = potential(graph, stress=True)
    cell = torch.as_tensor(frames.cell[0])
    kinds = torch.tensor([elements.index(z) for z in graph.atomic_numbers.tolist()])
    theirs = package_model(potential, elements)(
        {
            "positions": graph.positions.clone(),
            "node_attrs": torch.nn.functional.one_hot(kinds, len(elements)).to(cell.dtype),
            "edge_index": graph.edge_index,
            "shifts": graph.edge_shift,
            "unit_shifts": graph.edge_shift @ torch.linalg.inv(cell),
            "cell": cell,
            "batch": graph.system,
            "ptr": torch.tensor([0, graph.n_atoms]),
        },
        compute_stress=True,
    )
    energies = potential.backbone(graph)
    assert energies.std() > 1e-3
    torch.testing.assert_close(energies, theirs["node_energy"], rtol=0, atol=1e-10)
    torch.testing.assert_close(found.forces, theirs["forces"], rtol=0, atol=1e-10)
    stress = theirs["stress"] * 160.2176634
    torch.testing.assert_close(found.stress, stress, rtol=0, atol=1e-8)


@as_the_package_warns
def test_initial_weights_are_those_that_the_package_draws():
    torch.manual_seed(5)
    ours = build_potential("mace", SMALL).backbone.network
    torch.manual_seed(5)
    theirs = package_network(MACEConfig(**SMALL), range(119))
    drawn = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        if name.endswith("embedding.table"):
            assert torch.equal(parameter.flatten(), drawn["node_embedding.linear.weight"])
        elif name.endswith(".skip_tp.table"):
            flat = drawn[name.replace(".table", ".weight")]
            assert torch.equal(parameter.permute(1, 2, 0, 3).flatten(), flat)
        else:
            assert torch.equal(parameter, drawn[name])
    assert len(drawn) == len(list(ours.parameters()))


def test_every_weight_that_depends_on_the_element_is_told():
    backbone = build_potential("mace", SMALL).backbone
    graph = graph_of(diamond("Si", rattle=0.1), 4.0, dtype=torch.float32)
    backbone(graph).sum().backward()
    told = backbone.element_parameters()
    for name, parameter in backbone.named_parameters():
        touched = parameter.grad.flatten(1).any(1) if parameter.dim() > 1 else None
        others = touched is not None and len(touched) == 119 and not touched[GERMANIUM]
        assert others == (name in told), name
        assert name not in told or bool(touched[SILICON])


def test_a_saved_potential_holds_weights_and_transfers(tmp_path):
    torch.manual_seed(0)
    potential = build_potential("mace", SMALL)
    copy_element(potential.backbone, {GERMANIUM: SILICON}, [SILICON])
    potential.save(tmp_path / "p.safetensors")
    loaded = load_potential(tmp_path / "p.safetensors")
    silicon, germanium = (
        graph_of(diamond(element, rattle=0.1, lattice_constant=5.5), 4.0, dtype=torch.float32)
        for element in ("Si", "Ge")
    )
    expected = potential(silicon).forces
    assert expected.abs().max() > 1e-4
    torch.testing.assert_close(loaded(germanium).forces, expected, rtol=1e-5, atol=1e-8)
    constants = loaded.state_dict().keys() - dict(loaded.named_parameters())
    assert sum(loaded.state_dict()[name].numel() for name in constants) < 500


@pytest.mark.parametrize("settings", [{}, {"cutoff": 4.0, "max_ell": 1}])
def test_results_are_the_same_to_the_last_bit_every_time(settings):
    potential = build_potential("mace", settings)
    graph = graph_of(diamond(rattle=0.1), potential.cutoff, dtype=torch.float32)
    first, *others = (potential(graph).forces for _ in range(4))
    assert all(torch.equal(first, other) for other in others)


def test_the_default_is_as_large_as_other_backbones_and_as_the_manual_says():
    n_parameters = build_potential("mace", {}).backbone.n_parameters()
    assert 1e5 <= n_parameters <= 3e5
    page = (Path(__file__).parents[3] / "docs" / "architecture.md").read_text()
    (row,) = [line for line in page.splitlines() if line.startswith("| `mace` |")]
    assert row.endswith(f"| {n_parameters:,} |")


def test_the_large_one_is_the_same_network_with_more_parameters():
    small, large = build_potential("mace", {}), build_potential("mace-large", {"cutoff": 4.0})
    assert type(small.backbone) is type(large.backbone)
    assert large.backbone.n_parameters() > 2 * small.backbone.n_parameters()
    forces = large(graph_of(diamond(rattle=0.1), 4.0, dtype=torch.float32)).forces
    assert bool(forces.isfinite().all())


STATE = """
import logging, os, random, torch, numpy, warnings, scipy.stats  # which has filters of its own
def state():
    flags = (torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled(),
        torch.are_deterministic_algorithms_enabled(), torch.get_float32_matmul_precision(),
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.benchmark,
        torch.multiprocessing.get_sharing_strategy(), len(warnings.filters),
        len(logging.root.handlers), logging.root.level, sorted(os.environ.items()))
    return flags, random.getstate(), numpy.random.get_state()[1].tolist()
os.environ['TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'] = '0'
before = state()
torch.manual_seed(7)
drawn = torch.get_rng_state()
from tlbench.models.backbones import BACKBONES
BACKBONES.get('mace')
from tlbench.models.backbones.mace.model import MACE
assert torch.equal(torch.get_rng_state(), drawn)
import e3nn
options = e3nn.get_optimization_defaults()
assert options['jit_script_fx']
from tlbench.models.potential import build_potential
potential = build_potential('mace', {'channels': 4, 'radial_channels': 4})
assert e3nn.get_optimization_defaults() == options
after = state()
for one, other in zip(before, after):
    assert one == other, (one, other)
print('unchanged')
"""


def test_importing_and_building_it_changes_nothing_for_the_process():
    shown = subprocess.run([sys.executable, "-c", STATE], capture_output=True, text=True)
    assert shown.stdout.strip() == "unchanged", shown.stderr[-2000:]
