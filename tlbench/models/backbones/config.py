"""What every backbone's configuration has in common."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from tlbench.base.errors import TlbenchError
from tlbench.base.schema import Strict

if TYPE_CHECKING:
    from tlbench.models.backbones.base import Backbone


CUTOFFS = (0.1, 50.0)
"""Shortest and longest interaction range, Å: within the one no two atoms meet, within the other
every atom meets tens of thousands."""

MOST = 100_000
"""Largest width or number of anything in a network."""


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

    cutoff: float = Field(
        default=5.0, ge=CUTOFFS[0], le=CUTOFFS[1], description="interaction range, Å"
    )

    @model_validator(mode="after")
    def _counts_are_of_this_world(self) -> Self:
        for name, value in self:
            if isinstance(value, int) and abs(value) > MOST:
                raise ValueError(f"{name} should be at most {MOST:,}")
        return self

    def violations(self) -> Mapping[str, str]:
        """Return the clauses of the contract that networks of this architecture break, and why.

        Name of a clause → how the network breaks it. None by default: it is for networks that are
        benchmarked as they were published.
        """
        return {}

    @abstractmethod
    def build(self) -> "Backbone":
        """Return the network, in torch's default dtype, with weights drawn at random."""


@contextmanager
def package_of(backbone: str, package: str) -> Iterator[None]:
    """Let the network of ``backbone`` be imported within, whose extra is called like ``package``.

    Raises
    ------
    TlbenchError
        If the package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        raise TlbenchError(
            f"The backbone {backbone!r} needs the package {package!r}, which is not installed; "
            f"pip install 'tlbench[{package}]'."
        ) from error
