"""Hyperparameters of SevenNet."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, PositiveFloat, PositiveInt

from tlbench.models.backbones.config import BackboneConfig, package_of

if TYPE_CHECKING:
    from tlbench.models.backbones.base import Backbone

Width = Annotated[int, Field(ge=1, le=1024)]


class SevenNetConfig(BackboneConfig):
    """SevenNet (J. Chem. Theory Comput. 20, 4857 (2024)), as large as SevenNet-0."""

    channels: tuple[Width, ...] = Field(
        default=(128, 64, 32),
        min_length=1,
        max_length=5,
        description="features of each degree, from 0 up; their number sets the largest degree",
    )
    n_layers: PositiveInt = Field(default=5, description="interaction blocks")
    n_radial: PositiveInt = Field(default=8, description="radial basis functions")
    radial_channels: PositiveInt = Field(
        default=64, description="width of the radial networks, which have two hidden layers"
    )
    onset: float | None = Field(
        default=0.9,
        gt=0,
        lt=1,
        description="where the XPLOR envelope begins to fall, over the cutoff; "
        "null: a polynomial envelope",
    )
    envelope_exponent: int = Field(
        default=6, ge=2, description="p of the polynomial envelope, arXiv 2003.03123 eq. 8"
    )
    average_neighbours: PositiveFloat = Field(
        default=36.0, description="messages to an atom are divided by it"
    )
    energy_scale: PositiveFloat = Field(
        default=1.73, description="what the network says of an atom is multiplied by it, eV"
    )

    def violations(self) -> Mapping[str, str]:
        """Return that features have no parity, where that can be seen in an energy.

        The first layer makes vectors, the second products of two, and the third of three.
        """
        if len(self.channels) == 1 or self.n_layers < 3:
            return {}
        return {
            "reflection": "features have a degree, but no parity, so that products of three "
            "vectors distinguish a structure from its mirror image"
        }

    def build(self) -> "Backbone":
        """Return the network with random weights.

        Raises
        ------
        TlbenchError
            If the package is not installed.
        """
        with package_of("sevennet", "sevenn"):
            from tlbench.models.backbones.sevennet.model import SevenNet
        return SevenNet(self)
