"""CHGNet 0.3.0, and checkpoints of the package."""

from typing import TYPE_CHECKING, Any

from tlbench.base.schema import validate
from tlbench.models.backbones.chgnet import CHGNetConfig
from tlbench.transfer.potentials.checkpoints import CheckpointFormat, check_settings
from tlbench.transfer.potentials.mptrj import ELEMENTS, TRAINED_ON
from tlbench.transfer.potentials.published import PublishedPotential

if TYPE_CHECKING:
    from tlbench.models.potential import Potential


UNFITTED = 1e-6
"""Energy of an element, eV, up to which it is what a fit without that element left."""

_HIDDEN = ("atom_conv_hidden_dim", "bond_conv_hidden_dim")
_FIXED = {
    "angle_layer_hidden_dim": 0,
    "update_bond": True,
    "update_angle": True,
    "mlp_first": True,
    "is_intensive": True,
    "non_linearity": "silu",
    "learnable_rbf": True,
    "gMLP_norm": "layer",
    "readout_norm": "layer",
    "conv_norm": None,
    "mlp_out_bias": False,
    "final_mlp": "MLP",
}
"""Settings of the package that our backbone has no others of."""


def fill(potential: "Potential", checkpoint: Any) -> None:
    """Take weights from a checkpoint of the package; see `PublishedPotential`.

    Its embedding has 94 rows, five of them of elements that it was not trained on; those have no
    reference energy here, nor have others whose energy it has never fitted. Elements beyond keep
    the rows that they were drawn with.
    """
    from ase.data import atomic_numbers

    state = checkpoint["model"]["state_dict"]
    for name, parameter in potential.backbone.named_parameters():
        if name in potential.backbone.element_parameters():
            # The first row is that of hydrogen.
            parameter[1 : len(state[name]) + 1] = state[name]
        else:
            parameter.copy_(state[name])
    (energies,) = state["composition_model.fc.weight"].double()
    for number in (atomic_numbers[symbol] for symbol in ELEMENTS):
        if abs(energies[number - 1]) > UNFITTED:
            potential.reference_energy[number] = energies[number - 1]


def architecture(checkpoint: Any) -> CHGNetConfig:
    """Return the architecture of a checkpoint; see `CheckpointFormat`."""
    found: dict[str, Any] = {"conv_norm": None, "mlp_out_bias": False, "final_mlp": "MLP"}
    found |= checkpoint["model"]["model_args"]
    width = found["atom_fea_dim"]
    values = {
        "cutoff": found["atom_graph_cutoff"],
        "bond_cutoff": found["bond_graph_cutoff"],
        "channels": width,
        "n_layers": found["n_conv"],
        "n_radial": found["num_radial"],
        "n_angular": found["num_angular"],
        "envelope_exponent": found["cutoff_coeff"],
    }
    config = validate(CHGNetConfig, values, "its architecture")
    sizes = dict.fromkeys(("bond_fea_dim", "angle_fea_dim", *_HIDDEN), width)
    found["mlp_hidden_dims"] = list(found["mlp_hidden_dims"])
    check_settings(found, sizes | {"mlp_hidden_dims": [width] * 3} | _FIXED, "chgnet")
    return config


CHECKPOINT = CheckpointFormat(
    backbone="chgnet",
    program="CHGNet",
    package="chgnet",
    runs_code=False,
    architecture=architecture,
    fill=fill,
)


CHGNET_0_3_0 = PublishedPotential(
    name="chgnet-0.3.0",
    label="CHGNet 0.3.0",
    summary="CHGNet 0.3.0 (October 2023), a network of atoms, bonds and angles trained on MPtrj",
    backbone="chgnet",
    config=CHGNetConfig(),
    package="chgnet",
    versions=("0.4.2",),
    file="pretrained/0.3.0/chgnet_0.3.0_e29f68s314m37.pth.tar",
    sha256="d14ab7c0f093efe64b60a7bcd540bca10e74fb7f46c86108a079af60524659d1",
    licence="BSD-3-Clause",
    citation="Deng et al., Nature Machine Intelligence 5, 1031 (2023)",
    trained_on=TRAINED_ON,
    elements=ELEMENTS,
    fill=fill,
)
