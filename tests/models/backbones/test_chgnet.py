"""CHGNet from its own package: the contract, the package's graph and weights, no side effects."""

import contextlib
import io
import subprocess
import sys
from functools import partial
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from process_state import STATE
from structures import diamond, liquid, skewed

from tlbench.base.errors import InputError
from tlbench.data.frames import Frames
from tlbench.graphs import graph_of
from tlbench.models.backbones.chgnet import CHGNetConfig
from tlbench.models.potential import build_potential
from tlbench.testing import BackboneContract

if find_spec("chgnet") is None:
    pytest.skip("chgnet is not installed here", allow_module_level=True)

SMALL = {"cutoff": 4.0, "channels": 8, "n_layers": 3, "n_radial": 5}


class TestAllBondsMakeAngles(BackboneContract):
    config = CHGNetConfig(**SMALL, bond_cutoff=4.0)


def theirs(seed: int, **changes):
    """Return the package's own network of the size of ``SMALL``, without energies of elements."""
    from chgnet.model import CHGNet

    torch.manual_seed(seed)
    with contextlib.redirect_stdout(io.StringIO()):
        return CHGNet(
            atom_fea_dim=8,
            bond_fea_dim=8,
            angle_fea_dim=8,
            composition_model=None,
            num_radial=5,
            n_conv=3,
            atom_conv_hidden_dim=8,
            bond_conv_hidden_dim=8,
            mlp_hidden_dims=(8, 8, 8),
            atom_graph_cutoff=4.0,
            bond_graph_cutoff=3.0,
            is_intensive=False,
            converter_verbose=False,
            **changes,
        )


@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad=True:UserWarning")
@pytest.mark.parametrize("frames", [diamond(rattle=0.2), liquid(n_atoms=12), skewed(n_atoms=2)])
def test_random_weights_predict_what_the_package_predicts_from_its_own_graph(frames: Frames):
    from chgnet.graph import CrystalGraphConverter
    from pymatgen.core import Structure

    network = theirs(3)
    potential = build_potential("chgnet", {**SMALL, "bond_cutoff": 3.0})
    state = network.state_dict()
    with torch.no_grad():
        for name, parameter in potential.backbone.named_parameters():
            rows = slice(1, 95) if name.startswith("atom_embedding") else slice(None)
            parameter[rows] = state[name]
    structure = Structure(frames.cell[0], frames.atomic_numbers, frames.positions,
                          coords_are_cartesian=True)  # fmt: skip
    converter = CrystalGraphConverter(atom_graph_cutoff=4.0, bond_graph_cutoff=3.0, verbose=False)
    graph = converter(structure)
    assert len(graph.bond_graph) > 10
    expected = network.predict_graph(graph, task="efs", return_site_energies=True)
    ours = graph_of(frames, 4.0, dtype=torch.float32)
    found = potential(ours, stress=True)
    energies = potential.backbone(ours).detach().numpy()
    np.testing.assert_allclose(energies, expected["site_energies"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.forces, expected["f"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.stress[0], expected["s"], rtol=0, atol=1e-5)


def test_initial_weights_are_those_that_the_package_draws(monkeypatch):
    from chgnet.model import model
    from chgnet.model.encoders import AtomEmbedding

    monkeypatch.setattr(model, "AtomEmbedding", partial(AtomEmbedding, max_num_elements=119))
    drawn = dict(theirs(3).named_parameters())
    torch.manual_seed(3)
    backbone = build_potential("chgnet", {**SMALL, "n_angular": 31}).backbone
    # The last update of angles comes before the readout, and is left out here.
    ours = {n: p for n, p in backbone.named_parameters() if not n.startswith("mlp.")}
    assert len(ours) > 80
    for name, parameter in ours.items():
        assert torch.equal(parameter, drawn[name]), name
    left_out = {name.rpartition(".mlp_")[0] or name for name in drawn.keys() - {*ours}}
    readout = {n for n, _ in backbone.named_parameters() if n.startswith("mlp.")}
    assert {n for n in left_out if not n.startswith(("angle_layers.1", "site_wise"))} == readout


def test_every_weight_has_an_influence_on_forces():
    backbone = build_potential("chgnet", {**SMALL, "bond_cutoff": 3.0})
    found = backbone(graph_of(diamond(rattle=0.1), 4.0, dtype=torch.float32), training=True)
    found.forces.square().sum().backward()
    # Nothing but a constant energy hangs on the last bias.
    without = {name for name, p in backbone.backbone.named_parameters() if p.grad is None}
    assert without == {"mlp.layers.7.bias"}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"bond_cutoff": 7.0}, "bond_cutoff 7 Å is longer than the cutoff, 6 Å"),
        ({"n_angular": 30}, "n_angular 30 is even"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, said):
    with pytest.raises(InputError, match=said):
        build_potential("chgnet", settings)


def test_importing_and_building_it_changes_nothing_for_the_process():
    shown = subprocess.run(
        [sys.executable, "-c", STATE, "chgnet", repr(SMALL)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.stdout == "unchanged\n", shown.stderr[-2000:]
