"""SevenNet from its own package: the contract, the package's weights, and no side effects."""

import subprocess
import sys
from importlib.util import find_spec

import pytest
import torch
from process_state import STATE
from structures import diamond, liquid

from tlbench.graphs import graph_of
from tlbench.models.backbones.sevennet import SevenNetConfig
from tlbench.models.potential import build_potential, in_precision, load_potential
from tlbench.testing import BackboneContract

if find_spec("sevenn") is None:
    pytest.skip("sevenn is not installed here", allow_module_level=True)

SMALL = {"cutoff": 4.0, "channels": (6, 4, 3), "n_layers": 3, "radial_channels": 6}


class TestVectors(BackboneContract):
    config = SevenNetConfig(**SMALL)


class TestTwoLayers(BackboneContract):
    config = SevenNetConfig(**{**SMALL, "n_layers": 2}, onset=None)


def test_initial_weights_are_those_that_the_package_draws():
    from sevenn.model_build import build_E3_equivariant_model

    from tlbench.models.backbones.packages import eager_e3nn
    from tlbench.models.backbones.sevennet.model import package_settings

    torch.manual_seed(5)
    backbone = build_potential("sevennet", SMALL).backbone
    torch.manual_seed(5)
    with eager_e3nn():
        theirs = dict(
            build_E3_equivariant_model(package_settings(backbone.config)).named_parameters()
        )
    for name, parameter in backbone.named_parameters():
        if name == "embedding":
            rows = theirs.pop("onehot_to_feature_x.linear.weight")
            assert torch.equal(parameter.flatten(), rows)
        elif name == "energy_scale":
            assert parameter.unique().tolist() == [torch.tensor(1.73).item()]
        else:
            assert torch.equal(parameter, theirs.pop(name.removeprefix("network.")))
    assert set(theirs) == {"rescale_atomic_energy.shift", "rescale_atomic_energy.scale"}


def test_denominators_and_scales_are_not_trained():
    backbone = build_potential("sevennet", SMALL).backbone
    fixed = {name for name, p in backbone.named_parameters() if not p.requires_grad}
    assert fixed == {"energy_scale", *(f"network.{n}_convolution.denominator" for n in range(3))}


def test_a_file_holds_weights_alone_so_that_constants_are_exact_in_any_precision(tmp_path):
    torch.manual_seed(0)
    single = build_potential("sevennet", SMALL)
    torch.manual_seed(0)
    single.save(tmp_path / "p.safetensors")
    loaded = load_potential(tmp_path / "p.safetensors")
    parameters = {f"backbone.{name}" for name, _ in loaded.backbone.named_parameters()}
    assert set(loaded.state_dict()) == {"reference_energy", *parameters}
    double = in_precision(loaded, torch.float64)
    twin = build_potential("sevennet", SMALL, torch.float64)
    for ours, theirs in zip(double.backbone.buffers(), twin.backbone.buffers(), strict=True):
        assert torch.equal(ours, theirs)
    frames = liquid(n_atoms=12)
    torch.testing.assert_close(
        double(graph_of(frames, 4.0)).forces,
        single(graph_of(frames, 4.0, dtype=torch.float32)).forces.double(),
        rtol=1e-4,
        atol=1e-5,
    )


@pytest.mark.parametrize("settings", [{}, {"channels": (128, 64, 32, 32), "onset": None}])
def test_published_sizes_can_be_trained_from_scratch(settings):
    potential = build_potential("sevennet", settings)
    forces = potential(graph_of(diamond(rattle=0.1), 5.0, dtype=torch.float32)).forces
    assert bool(forces.isfinite().all())
    assert forces.abs().max() > 1e-3


def test_importing_and_building_it_changes_nothing_for_the_process():
    shown = subprocess.run(
        [sys.executable, "-c", STATE, "sevennet", repr(SMALL)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.stdout == "unchanged\n", shown.stderr[-2000:]
