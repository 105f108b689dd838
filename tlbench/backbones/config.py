"""What every backbone's configuration has in common."""

from abc import abstractmethod
from typing import TYPE_CHECKING

from pydantic import Field

from tlbench.schema import Strict

if TYPE_CHECKING:
    from tlbench.backbones.base import Backbone


class BackboneConfig(Strict):
    """Configuration of a backbone: frozen, and strict about unknown keys.

    Subclasses add their hyperparameters with the paper's values as defaults. A module with a
    subclass should not import torch at its top; ``build`` does.
    """

    cutoff: float = Field(default=5.0, gt=0, description="interaction range, Å")

    @abstractmethod
    def build(self) -> "Backbone":
        """Return the network, in torch's default dtype, with weights drawn at random."""
