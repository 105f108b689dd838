"""What every backbone's configuration has in common."""

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tlbench.schema import Strict

if TYPE_CHECKING:
    from tlbench.backbones.base import Backbone


class BackboneConfig(Strict):
    """Configuration of a backbone: frozen, and strict about unknown keys.

    Subclasses add their hyperparameters with the paper's values as defaults. A module with a
    subclass should not import torch at its top; ``build`` does.

    Attributes
    ----------
    environment
        Name of the Python environment that the network needs, for one whose packages cannot be
        installed beside tlbench's others. ``tlbench run --python NAME=PATH`` names the interpreter
        that then does every job with such a model. None: any environment, called like the
        backbone.
    """

    environment: ClassVar[str | None] = None

    cutoff: float = Field(default=5.0, gt=0, le=50, description="interaction range, Å")

    @abstractmethod
    def build(self) -> "Backbone":
        """Return the network, in torch's default dtype, with weights drawn at random."""
