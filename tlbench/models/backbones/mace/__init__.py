"""Hyperparameters of MACE."""

from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from tlbench.base.errors import TlbenchError
from tlbench.models.backbones.config import BackboneConfig

if TYPE_CHECKING:
    from tlbench.models.backbones.base import Backbone


class MACEConfig(BackboneConfig):
    """MACE (NeurIPS 2022, arXiv 2206.07697) with 16 channels; needs an environment of its own."""

    environment: ClassVar[str | None] = "mace"

    channels: PositiveInt = Field(default=16, description="features of each degree")
    max_ell: int = Field(default=2, ge=0, le=3, description="largest degree of harmonics")
    max_L: int = Field(  # noqa: N815 – the name that the paper and the package have for it
        default=1, ge=0, le=3, description="largest degree of features; at most max_ell"
    )
    correlation: int = Field(
        default=3, ge=1, le=3, description="neighbours in one term of a layer: body order − 1"
    )
    n_layers: PositiveInt = Field(default=2, description="layers of messages")
    n_radial: PositiveInt = Field(default=8, description="radial basis functions")
    radial_channels: PositiveInt = Field(
        default=64, description="width of the radial networks, which have three hidden layers"
    )
    readout_channels: PositiveInt = Field(
        default=16, description="width of the last layer's readout"
    )
    envelope_exponent: int = Field(
        default=5, ge=2, description="p of the envelope, arXiv 2003.03123 eq. 8"
    )
    average_neighbours: PositiveFloat = Field(
        default=20.0, description="messages to an atom are divided by it"
    )

    @model_validator(mode="after")
    def _check_degrees(self) -> Self:
        if self.max_L > self.max_ell:
            raise ValueError(
                f"max_L {self.max_L} is larger than max_ell {self.max_ell}, and no product of "
                "harmonics gives such features by itself; choose max_L up to max_ell"
            )
        return self

    def build(self) -> "Backbone":
        """Return the network with random weights.

        Raises
        ------
        TlbenchError
            If the package is not installed here.
        """
        try:
            from tlbench.models.backbones.mace.model import MACE
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "mace":
                raise
            raise TlbenchError(
                "The backbone 'mace' needs the package mace-torch, which is not installed here; "
                "as it cannot be installed beside nequip, install 'tlbench[mace]' in an "
                "environment of its own and name its Python with "
                "'tlbench run --python mace=PATH'."
            ) from error
        return MACE(self)


class MACELargeConfig(MACEConfig):
    """MACE with 64 channels and harmonics up to degree 3; needs an environment of its own."""

    channels: PositiveInt = Field(default=64, description="features of each degree")
    max_ell: int = Field(default=3, ge=0, le=3, description="largest degree of harmonics")
