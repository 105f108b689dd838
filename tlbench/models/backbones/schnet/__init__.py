"""Hyperparameters of SchNet."""

from typing import TYPE_CHECKING

from pydantic import Field, PositiveInt

from tlbench.models.backbones.config import BackboneConfig

if TYPE_CHECKING:
    from tlbench.models.backbones.base import Backbone


class SchNetConfig(BackboneConfig):
    """SchNet (J. Chem. Phys. 148, 241722 (2018)) with 64 features and 6 interactions.

    Its compiled kernels compute convolutions whose number of filters is a multiple of 16 in
    float32, of 8 in float64. With others, plain torch does, which takes several times as long.
    """

    hidden_channels: PositiveInt = Field(default=64, description="features of an atom")
    n_filters: PositiveInt = Field(
        default=64,
        description="width of a continuous filter; multiples of 16 use the compiled kernels",
    )
    n_interactions: PositiveInt = Field(default=6, description="interaction blocks")
    n_gaussians: int = Field(default=50, ge=2, description="Gaussians that expand a distance")

    def build(self) -> "Backbone":
        """Return the network with random weights."""
        from tlbench.models.backbones.schnet.model import SchNet

        return SchNet(self)


class SchNetLargeConfig(SchNetConfig):
    """SchNet with 128 features."""

    hidden_channels: PositiveInt = Field(default=128, description="features of an atom")
    n_filters: PositiveInt = Field(
        default=128,
        description="width of a continuous filter; multiples of 16 use the compiled kernels",
    )
