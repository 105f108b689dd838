"""The contract between a backbone and the harness."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from tlbench.graphs import Graph
from tlbench.models.backbones.config import BackboneConfig

MAX_ATOMIC_NUMBER = 118

EMBEDDING, HEAD = "embedding", "head"
"""Names of the first and the last stage of a network."""


class Backbone(nn.Module, ABC):
    """A network that maps a graph to one energy per atom.

    It must be invariant to translation, rotation, reflection and permutation and to moving an
    atom by a lattice vector; extensive; correct when a neighbour appears through several
    images; give no weight to edges longer than ``cutoff`` and go smoothly to zero there; be
    twice differentiable; and give the same energies alone and in a batch.
    ``tlbench.testing.BackboneContract`` checks all of this. Parameters with
    ``requires_grad=False`` keep their values under every strategy.

    Parameters
    ----------
    config
        The configuration that built it.
    """

    @property
    def same_in_batches(self) -> bool:
        """Whether forces are the same to the last bit alone and in any batch, on a CPU.

        Dynamics then evaluates several structures at once without changing any trajectory.
        """
        return False

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.config = config
        self.cutoff = config.cutoff

    @abstractmethod
    def forward(self, graph: Graph) -> Tensor:
        """Return the energy of every atom, shape (n_atoms,), eV."""

    @abstractmethod
    def element_parameters(self) -> dict[str, int]:
        """Return name → axis of every parameter or buffer with an element axis.

        Entry z along that axis belongs to the element of atomic number z. The harness, not the
        backbone, copies the entry of the source element to that of the target.
        """

    def stages(self) -> dict[str, tuple[str, ...]]:
        """Return the stages of the network and how their parameters' names begin.

        From the input to the output: "embedding", the interactions in any number, "head". Every
        parameter belongs to one. Strategies that freeze parts of a network need them; others
        serve a backbone that does not tell.
        """
        return {}

    def n_parameters(self) -> int:
        """Return the number of trainable parameters."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)
