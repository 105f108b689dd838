"""SevenNet-0 and SevenNet-l3i5."""

from typing import TYPE_CHECKING, Any

from tlbench.models.backbones.sevennet import SevenNetConfig
from tlbench.transfer.potentials.mptrj import ELEMENTS, TRAINED_ON
from tlbench.transfer.potentials.published import PublishedPotential

if TYPE_CHECKING:
    from tlbench.models.potential import Potential


def fill(potential: "Potential", checkpoint: Any) -> None:
    """Take weights from a checkpoint of the package; see `PublishedPotential`.

    The package divides an element's row of the first linear map by the root of the number n of
    elements, and so does this once for all. Elements that the checkpoint lacks keep the rows that
    they were drawn with, divided alike.
    """
    import torch
    from sevenn.scripts.backward_compatibility import patch_state_dict_if_old

    from tlbench.models.backbones.sevennet.model import EMBED, RESCALE

    backbone: Any = potential.backbone
    config, state = checkpoint["config"], checkpoint["model_state_dict"]
    # Before version 0.11 the package sorted the weights of a convolution differently.
    state = patch_state_dict_if_old(state, config, backbone.network)
    elements = torch.tensor(list(config["_type_map"]))
    types = torch.tensor(list(config["_type_map"].values()))
    rows = state[f"{EMBED}.linear.weight"].view(len(elements), -1)
    backbone.embedding[elements] = rows[types]
    backbone.embedding /= len(elements) ** 0.5
    backbone.energy_scale[elements] = state[f"{RESCALE}.scale"][types]
    potential.reference_energy[elements] = state[f"{RESCALE}.shift"][types].double()
    for name, parameter in backbone.network.named_parameters():
        parameter.copy_(state[name].view_as(parameter))


SEVENNET_0 = PublishedPotential(
    name="sevennet-0",
    label="SevenNet-0",
    summary="SevenNet-0 (11 July 2024), an equivariant network trained on MPtrj",
    backbone="sevennet",
    config=SevenNetConfig(),
    package="sevenn",
    versions=("0.13.0",),
    file="pretrained_potentials/SevenNet_0__11Jul2024/checkpoint_sevennet_0.pth",
    sha256="7052cb42b7b3be42b40b97fa0d21077a48c54b5548948fc4dcf346629f813c36",
    licence="MIT",
    citation="Park, Kim, Hwang and Han, J. Chem. Theory Comput. 20, 4857 (2024)",
    trained_on=TRAINED_ON,
    elements=ELEMENTS,
    fill=fill,
)

SEVENNET_L3I5 = PublishedPotential(
    name="sevennet-l3i5",
    label="SevenNet-l3i5",
    summary="SevenNet-l3i5 (December 2024), SevenNet-0 with features up to degree 3",
    backbone="sevennet",
    config=SevenNetConfig(channels=(128, 64, 32, 32), onset=None, energy_scale=0.808),
    package="sevenn",
    versions=("0.13.0",),
    file="pretrained_potentials/SevenNet_l3i5/checkpoint_l3i5.pth",
    sha256="a7ff190d41efe5b8317a03d20a468e4036a1a3e64e0b14fdbab64ac3f4bfc09d",
    licence="MIT",
    citation="Park, Kim, Hwang and Han, J. Chem. Theory Comput. 20, 4857 (2024)",
    trained_on=TRAINED_ON,
    elements=ELEMENTS,
    fill=fill,
)
