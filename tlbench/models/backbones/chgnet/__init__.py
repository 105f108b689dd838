"""Hyperparameters of CHGNet."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

from pydantic import Field, PositiveInt, model_validator

from tlbench.models.backbones.config import CUTOFFS, BackboneConfig, package_of

if TYPE_CHECKING:
    from tlbench.models.backbones.base import Backbone


class CHGNetConfig(BackboneConfig):
    """CHGNet (Nature Machine Intelligence 5, 1031 (2023)), as large as version 0.3.0."""

    cutoff: float = Field(
        default=6.0, ge=CUTOFFS[0], le=CUTOFFS[1], description="interaction range, Å"
    )
    bond_cutoff: float = Field(
        default=3.0,
        ge=CUTOFFS[0],
        le=CUTOFFS[1],
        description="longest bond that takes part in angles, Å; at most the cutoff",
    )
    channels: PositiveInt = Field(default=64, description="features of atoms, bonds and angles")
    n_layers: int = Field(default=4, ge=2, description="convolutions of atoms")
    n_radial: PositiveInt = Field(default=31, description="radial basis functions")
    n_angular: PositiveInt = Field(default=31, description="angular basis functions, an odd number")
    envelope_exponent: int = Field(
        default=8, ge=2, description="p of the envelope, arXiv 2003.03123 eq. 8"
    )

    def violations(self) -> Mapping[str, str]:
        """Return that the energy has a kink where bonds are in line."""
        return {
            "atoms in line": "features are functions of an angle and not of its cosine, so that "
            "the energy has a kink, rounded over 0.001 rad, where two bonds shorter than "
            f"{self.bond_cutoff:g} Å are in line; force constants of crystals with such bonds "
            "depend on the displacements that they are computed from"
        }

    @model_validator(mode="after")
    def _check_angles(self) -> Self:
        if self.bond_cutoff > self.cutoff:
            raise ValueError(
                f"bond_cutoff {self.bond_cutoff:g} Å is longer than the cutoff, {self.cutoff:g} Å; "
                "choose it up to the cutoff"
            )
        if self.n_angular % 2 == 0:
            raise ValueError(
                f"n_angular {self.n_angular} is even; it counts a constant and pairs of a sine and "
                "a cosine, so choose an odd number"
            )
        return self

    def build(self) -> "Backbone":
        """Return the network with random weights.

        Raises
        ------
        TlbenchError
            If the package is not installed.
        """
        with package_of("chgnet", "chgnet"):
            from tlbench.models.backbones.chgnet.model import CHGNet
        return CHGNet(self)
