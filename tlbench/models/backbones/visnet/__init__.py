"""Hyperparameters of ViSNet."""

from typing import TYPE_CHECKING

from pydantic import Field, PositiveInt, model_validator

from tlbench.models.backbones.config import BackboneConfig

if TYPE_CHECKING:
    from tlbench.models.backbones.base import Backbone


class ViSNetConfig(BackboneConfig):
    """ViSNet (Nature Communications 15, 313 (2024)) with 64 channels and 3 layers."""

    hidden_channels: PositiveInt = Field(default=64, description="features of an atom")
    n_layers: PositiveInt = Field(default=3, description="layers of messages")
    n_heads: PositiveInt = Field(default=8, description="heads of attention")
    n_radial: PositiveInt = Field(default=32, description="radial basis functions")
    lmax: int = Field(default=1, ge=1, le=2, description="largest degree of vector features")

    @model_validator(mode="after")
    def _heads_fit(self) -> "ViSNetConfig":
        if self.hidden_channels % self.n_heads:
            raise ValueError(
                f"hidden_channels ({self.hidden_channels}) should be a multiple of n_heads "
                f"({self.n_heads})"
            )
        return self

    def build(self) -> "Backbone":
        """Return the network with random weights."""
        from tlbench.models.backbones.visnet.model import ViSNet

        return ViSNet(self)


class ViSNetLargeConfig(ViSNetConfig):
    """ViSNet with 128 channels, 6 layers and features up to degree 2."""

    hidden_channels: PositiveInt = Field(default=128, description="features of an atom")
    n_layers: PositiveInt = Field(default=6, description="layers of messages")
    lmax: int = Field(default=2, ge=1, le=2, description="largest degree of vector features")
