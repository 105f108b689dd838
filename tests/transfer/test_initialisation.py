"""Copying an element copies all that a backbone knows of it, and nothing else."""

import pytest
import tiny
import torch
from torch import Tensor, nn

from tlbench.base.errors import InputError
from tlbench.models.backbones.base import MAX_ATOMIC_NUMBER, Backbone
from tlbench.models.backbones.schnet import SchNetConfig
from tlbench.models.parameters import copy_element, mean_element

LI, SI, GE = 3, 14, 32

every_backbone = pytest.mark.parametrize("backbone", tiny.BACKBONES)


class Tables(Backbone):
    """Tables of elements: a parameter along its last axis, a buffer along its first."""

    def __init__(self, names: dict[str, int]) -> None:
        super().__init__(SchNetConfig())
        n = MAX_ATOMIC_NUMBER + 1
        self.pairs = nn.Parameter(torch.arange(3.0 * n).reshape(3, n))
        self.other = nn.Parameter(torch.arange(4.0))
        self.scale: Tensor
        self.register_buffer("scale", torch.arange(float(n)))
        self.names = names

    def forward(self, graph):
        return self.scale[graph.atomic_numbers]

    def element_parameters(self):
        return self.names


@every_backbone
def test_the_target_then_has_the_energies_of_the_source(backbone):
    potential = tiny.potential(backbone, dtype=torch.float64)
    frames = tiny.crystals("Si", 3)
    silicon = tiny.labelled(frames, potential).graphs.batch(range(3))
    frames.atomic_numbers[:] = GE
    germanium = tiny.labelled(frames, potential).graphs.batch(range(3))
    with torch.no_grad():
        before = potential.backbone(silicon)
        assert not torch.allclose(potential.backbone(germanium), before, rtol=1e-3)

        copy_element(potential.backbone, {GE: SI}, [SI])

        assert torch.equal(potential.backbone(silicon), before)
        assert torch.equal(potential.backbone(germanium), before)


@every_backbone
def test_only_one_row_changes(backbone):
    network = tiny.potential(backbone).backbone
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}

    copy_element(network, {GE: SI}, [SI])

    for name, tensor in network.state_dict().items():
        if name in network.element_parameters():
            rows = (tensor != before[name]).any(dim=1)
            assert rows.nonzero().flatten().tolist() == [GE]
            assert torch.equal(tensor[GE], before[name][SI])
        else:
            assert torch.equal(tensor, before[name])


@every_backbone
def test_elements_may_exchange_what_is_known_of_them(backbone):
    network = tiny.potential(backbone).backbone
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    copy_element(network, {GE: SI, SI: GE, LI: SI}, [SI, GE])
    for name in network.element_parameters():
        after = network.state_dict()[name]
        assert torch.equal(after[[SI, GE, LI]], before[name][[GE, SI, SI]])


def test_any_axis_of_parameters_and_buffers_is_copied():
    network = Tables({"pairs": 1, "scale": 0})
    copy_element(network, {GE: SI}, [SI])
    expected = torch.arange(3.0 * 119).reshape(3, 119)
    expected[:, GE] = torch.tensor([14.0, 119.0 + 14, 238.0 + 14])
    assert torch.equal(network.pairs, expected)
    assert float(network.scale[GE]) == SI
    assert float(network.scale[SI]) == SI
    assert torch.equal(network.other, torch.arange(4.0))
    assert network.pairs.requires_grad


def test_the_mean_of_no_element_is_refused():
    with pytest.raises(InputError, match=r"knows the energy of no element, so that \+mean has no"):
        mean_element(Tables({"pairs": 1}), {GE: SI}, [])


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"table": 0}, "names 'table', which is not one of its parameters or buffers"),
        ({"pairs": 0}, r"axis 0 of 'pairs' \(shape \(3, 119\)\) counts elements.*not 119 long"),
        ({"pairs": 2}, "axis 2 of 'pairs'"),
        ({"pairs": -1}, "axis -1 of 'pairs'"),
        ({"other": 0}, r"axis 0 of 'other' \(shape \(4,\)\)"),
    ],
    ids=["unknown name", "wrong axis", "no such axis", "negative axis", "not of elements"],
)
def test_a_wrong_description_of_the_elements_is_refused(names, message):
    with pytest.raises(InputError, match=rf"^Tables\.element_parameters .*{message}"):
        copy_element(Tables(names), {GE: SI}, [SI])
