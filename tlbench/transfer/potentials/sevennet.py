"""SevenNet-0, SevenNet-l3i5, and checkpoints of the package."""

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tlbench.base.errors import InputError
from tlbench.base.schema import validate
from tlbench.models.backbones.sevennet import SevenNetConfig
from tlbench.transfer.potentials.checkpoints import CheckpointFormat, check_settings
from tlbench.transfer.potentials.mptrj import ELEMENTS, TRAINED_ON
from tlbench.transfer.potentials.published import PublishedPotential

if TYPE_CHECKING:
    from torch import Tensor

    from tlbench.models.potential import Potential


def fill(potential: "Potential", checkpoint: Any) -> None:
    """Take weights from a checkpoint of the package; see `PublishedPotential`.

    The package divides an element's row of the first linear map by the root of the number n of
    elements, and so does this once for all. Elements that the checkpoint lacks keep the rows that
    they were drawn with, divided alike.
    """
    import torch
    from sevenn.scripts.backward_compatibility import patch_state_dict_if_old

    from tlbench.models.backbones.sevennet.model import EMBED, RESCALE, package_network

    backbone: Any = potential.backbone
    config, state = checkpoint["config"], checkpoint["model_state_dict"]
    # Before version 0.11 the package sorted the weights of a convolution differently.
    state = patch_state_dict_if_old(state, config, package_network(backbone.config))
    elements = torch.tensor(list(config["_type_map"]))
    types = torch.tensor(list(config["_type_map"].values()))
    rows = state[f"{EMBED}.linear.weight"].view(len(elements), -1)
    backbone.embedding[elements] = rows[types]
    backbone.embedding /= len(elements) ** 0.5
    # One number stands for all elements where the package was not asked for more.
    scale, shift = (state[f"{RESCALE}.{each}"].expand(len(elements)) for each in ("scale", "shift"))
    backbone.energy_scale[elements] = scale[types]
    potential.reference_energy[elements] = shift[types].double()
    for name, parameter in backbone.network.named_parameters():
        parameter.copy_(state[name].view_as(parameter))


BASIS = {"radial_basis_name": "bessel"}

_TRAINING_ALONE = (
    "train_denominator",
    "train_shift_scale",
    "use_flash_tp",
    "cuequivariance_config",
    "use_oeq",
    "readout_fcn_hidden_neurons",
    "readout_fcn_activation",
)
"""Settings of the package that the energy does not depend on, without a readout of its own."""

_READ = ("channel", "irreps_manual", "conv_denominator", "radial_basis", "cutoff_function")
"""Settings that are read in another form."""


def architecture(checkpoint: Any) -> SevenNetConfig:
    """Return the architecture of a checkpoint; see `CheckpointFormat`."""
    from e3nn.o3 import Irreps
    from sevenn import _const as constants
    from sevenn.scripts.backward_compatibility import patch_old_config

    from tlbench.models.backbones.sevennet.model import package_settings

    stated, state = checkpoint["config"], checkpoint["model_state_dict"]
    settings = {
        **constants.DEFAULT_E3_EQUIVARIANT_MODEL_CONFIG,
        **patch_old_config(copy.deepcopy(stated)),
    }
    for key in ("lmax_edge", "lmax_node"):
        if settings[key] == settings["lmax"]:
            settings[key] = -1
    if settings.get("use_modality"):
        raise InputError(
            "it has several modalities, of which the backbone 'sevennet' cannot carry the weights."
        )
    denominators = _weights(state, ".denominator", ".denumerator")
    if len(denominators) != settings["num_convolution_layer"]:
        raise InputError(
            f"it states {settings['num_convolution_layer']} convolutions, but has the weights of "
            f"{len(denominators)}."
        )
    channels = (settings["channel"],) * (settings["lmax"] + 1)
    if settings["irreps_manual"]:
        layers = [Irreps(each) for each in settings["irreps_manual"]]
        by_degree = {irrep.l: width for width, irrep in layers[1 if len(layers) > 2 else 0]}
        channels = tuple(by_degree.get(degree, 0) for degree in range(max(by_degree) + 1))
    values = {
        "cutoff": settings["cutoff"],
        "channels": channels,
        "n_layers": settings["num_convolution_layer"],
        "radial_channels": settings["weight_nn_hidden_neurons"][0],
        "average_neighbours": float(denominators.mean()),
        "energy_scale": float(_weights(state, "energy.scale").mean()),
        **_radial(settings),
    }
    config = validate(SevenNetConfig, values, "its architecture")
    expressed = package_settings(config)
    if settings["irreps_manual"]:
        ours = [Irreps(each) for each in expressed["irreps_manual"]]
        check_settings({"irreps_manual": layers}, {"irreps_manual": ours}, "sevennet")
    left = (*_TRAINING_ALONE, *_READ)
    compared = {
        key: expressed[key]
        for key in constants.DEFAULT_E3_EQUIVARIANT_MODEL_CONFIG
        if key not in left
    }
    check_settings(settings, compared, "sevennet")
    return config


def _radial(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the radial basis and the envelope of a checkpoint, as our configuration has them."""
    basis, envelope = dict(settings["radial_basis"]), dict(settings["cutoff_function"])
    found = {"n_radial": basis.pop("bessel_basis_num", 8), "onset": None}
    # It is the weights that tell what was trained.
    basis.pop("trainable_coeff", None)
    check_settings({"radial_basis": basis}, {"radial_basis": BASIS}, "sevennet")
    if envelope["cutoff_function_name"] == "XPLOR":
        return found | {"onset": envelope["cutoff_on"] / settings["cutoff"]}
    check_settings(envelope, {"cutoff_function_name": "poly_cut"}, "sevennet")
    return found | {"envelope_exponent": envelope.get("poly_cut_p_value", 6)}


def _weights(state: Mapping[str, Any], *endings: str) -> "Tensor":
    """Return all weights whose names end so, shape (n,)."""
    import torch

    found = [value.flatten() for name, value in state.items() if name.endswith(endings)]
    return torch.cat(found)


CHECKPOINT = CheckpointFormat(
    backbone="sevennet",
    program="SevenNet",
    package="sevenn",
    runs_code=False,
    architecture=architecture,
    fill=fill,
)

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
