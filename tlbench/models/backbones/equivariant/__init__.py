"""Hyperparameters of the equivariant network."""

from typing import TYPE_CHECKING

from pydantic import Field, PositiveFloat, PositiveInt

from tlbench.models.backbones.config import BackboneConfig

if TYPE_CHECKING:
    from tlbench.models.backbones.base import Backbone


class EquivariantConfig(BackboneConfig):
    """Two layers of many-body equivariant messages, in the manner of MACE (arXiv 2206.07697)."""

    channels: PositiveInt = Field(default=64, description="features of each degree and parity")
    lmax: int = Field(default=1, ge=0, le=4, description="largest degree of features and harmonics")
    parity: bool = Field(
        default=False, description="keep pseudo-scalars, pseudo-vectors and their like, too"
    )
    body_order: int = Field(
        default=3, ge=2, le=5, description="atoms in one term of a layer: a centre and neighbours"
    )
    n_layers: PositiveInt = Field(default=2, description="layers of messages")
    n_radial: PositiveInt = Field(default=8, description="radial basis functions")
    radial_channels: PositiveInt = Field(default=64, description="width of the radial network")
    envelope_exponent: int = Field(
        default=6, ge=2, description="p of the envelope, arXiv 2003.03123 eq. 8"
    )
    average_neighbours: PositiveFloat = Field(
        default=20.0, description="messages to an atom are divided by its square root"
    )

    def build(self) -> "Backbone":
        """Return the network with random weights."""
        from tlbench.models.backbones.equivariant.model import Equivariant

        return Equivariant(self)


class EquivariantLargeConfig(EquivariantConfig):
    """The equivariant network with features up to degree 2 and four-body terms."""

    lmax: int = Field(default=2, ge=0, le=4, description="largest degree of features and harmonics")
    body_order: int = Field(
        default=4, ge=2, le=5, description="atoms in one term of a layer: a centre and neighbours"
    )
