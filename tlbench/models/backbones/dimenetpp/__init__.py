"""Hyperparameters of DimeNet++."""

from typing import TYPE_CHECKING

from pydantic import Field, PositiveInt

from tlbench.models.backbones.config import BackboneConfig

if TYPE_CHECKING:
    from tlbench.models.backbones.base import Backbone


class DimeNetPPConfig(BackboneConfig):
    """DimeNet++ (arXiv 2011.14115) with every width a quarter of the original.

    The defaults are those of Röcken & Zavadlav, arXiv 2502.13522.
    """

    hidden_channels: PositiveInt = Field(default=32, description="width of a message")
    type_channels: PositiveInt = Field(default=16, description="width of an element's embedding")
    out_channels: PositiveInt = Field(default=64, description="width of the output blocks")
    interaction_channels: PositiveInt = Field(default=16, description="width in triplet sums")
    basis_channels: PositiveInt = Field(default=8, description="width of an embedded basis")
    n_blocks: PositiveInt = Field(default=4, description="interaction blocks")
    n_before_skip: int = Field(default=1, ge=0, description="residual layers before the skip")
    n_after_skip: int = Field(default=2, ge=0, description="residual layers after the skip")
    n_output_layers: PositiveInt = Field(default=3, description="dense layers per output block")
    n_radial: int = Field(default=6, ge=1, le=100, description="radial basis functions")
    n_spherical: int = Field(default=7, ge=2, le=10, description="Legendre polynomials")
    envelope_exponent: int = Field(
        default=6, ge=2, description="p of the envelope, DimeNet paper eq. 8"
    )

    def build(self) -> "Backbone":
        """Return the network with random weights."""
        from tlbench.models.backbones.dimenetpp.model import DimeNetPP

        return DimeNetPP(self)


class DimeNetPPLargeConfig(DimeNetPPConfig):
    """DimeNet++ with the widths of its paper."""

    hidden_channels: PositiveInt = Field(default=128, description="width of a message")
    type_channels: PositiveInt = Field(default=64, description="width of an element's embedding")
    out_channels: PositiveInt = Field(default=256, description="width of the output blocks")
    interaction_channels: PositiveInt = Field(default=64, description="width in triplet sums")
