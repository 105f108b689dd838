"""Hyperparameters of NequIP."""

from typing import TYPE_CHECKING

from pydantic import Field, PositiveFloat, PositiveInt

from tlbench.models.backbones.config import BackboneConfig

if TYPE_CHECKING:
    from tlbench.models.backbones.base import Backbone


class NequIPConfig(BackboneConfig):
    """NequIP (Nature Communications 13, 2453 (2022)) with 32 features and 3 layers."""

    n_features: PositiveInt = Field(default=32, description="features of each degree and parity")
    lmax: int = Field(default=1, ge=0, le=4, description="largest degree of features")
    parity: bool = Field(default=False, description="keep features of both parities")
    n_layers: PositiveInt = Field(default=3, description="interaction blocks")
    n_radial: PositiveInt = Field(default=8, description="radial basis functions")
    radial_channels: PositiveInt = Field(default=64, description="width of the radial network")
    envelope_exponent: PositiveFloat = Field(default=6.0, description="p of the envelope")
    average_neighbours: PositiveFloat = Field(
        default=20.0, description="messages to an atom are divided by its square root"
    )

    def build(self) -> "Backbone":
        """Return the network with random weights."""
        from tlbench.models.backbones.nequip.model import NequIP

        return NequIP(self)


class NequIPLargeConfig(NequIPConfig):
    """NequIP with features up to degree 2 of both parities and 4 layers."""

    lmax: int = Field(default=2, ge=0, le=4, description="largest degree of features")
    parity: bool = Field(default=True, description="keep features of both parities")
    n_layers: PositiveInt = Field(default=4, description="interaction blocks")
