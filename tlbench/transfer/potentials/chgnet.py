"""CHGNet 0.3.0."""

from typing import TYPE_CHECKING, Any

from tlbench.models.backbones.chgnet import CHGNetConfig
from tlbench.transfer.potentials.mptrj import ELEMENTS, TRAINED_ON
from tlbench.transfer.potentials.published import PublishedPotential

if TYPE_CHECKING:
    from tlbench.models.potential import Potential


def fill(potential: "Potential", checkpoint: Any) -> None:
    """Take weights from a checkpoint of the package; see `PublishedPotential`.

    Its embedding has 94 rows, five of them of elements that it was not trained on; those have no
    reference energy here. Elements beyond keep the rows that they were drawn with.
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
    for symbol in ELEMENTS:
        potential.reference_energy[atomic_numbers[symbol]] = energies[atomic_numbers[symbol] - 1]


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
